"""The box on page one: what can be said, and what cannot, in sentences that the tables write.

A sentence is *shown* where an interval or a test decides it, *not shown* where it does not, and
*cannot be shown* where so few patients could not have decided it; *not made* is what nobody ran; an
*interval* decides nothing.
Each has its patients, its interval, its method, and whether it was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.controls import controls
from ricenet.report.page import inputs_of
from ricenet.report.results import class_sizes, constant, headline, sizes
from ricenet.report.sentence import IMPOSSIBLE, NO_PLAN, NOT_MADE, NOT_SHOWN, SHOWN, Sentence, mark
from ricenet.report.test_openings import test_openings
from ricenet.report.verdict_checks import of_labels, of_leaks, of_openings, of_permutations
from ricenet.report.verdict_probes import of_probes
from ricenet.report.verdict_sets import SETS, beats, of_set, row_of, signed
from ricenet.statistics import wording

Row = Mapping[str, Any]


def sentences(
    summary: Row,
    metrics: Sequence[Row],
    tables: Mapping[str, Sequence[Row]],
    main: str,
    *,
    mapped: bool = False,
) -> list[Sentence]:
    """Return all sentences about an evaluated cohort.

    Parameters
    ----------
    summary, metrics : dict and sequence of dict
        Contents of ``metrics.json`` and ``metrics.tsv``.
    tables : mapping of str to rows
        Further tables by kind of file; a kind that is not there was not made.
    main : str
        Input combination to the fore.
    mapped : bool
        There are occlusion maps.
    """
    ablations = summary["ablations"]
    known = sizes(ablations)
    confidence = float(summary.get("settings", {}).get("confidence", 0.95))
    found: list[Sentence] = []
    for of, pair in known.items():
        row = row_of(metrics, main, of)
        found += of_set(ablations[main], of, pair, main, row, confidence)
    found.append(of_openings(test_openings(summary)))
    pairs = summary.get("contrasts", [])
    for of in known:
        found += _of_contrasts([row for row in pairs if row["set"] == of], of, ablations)
    found.append(of_probes(tables, main))
    found += [*of_labels(tables), *of_leaks(tables), *of_permutations(controls(tables))]
    if mapped:
        text = (
            "What networks look at: no claim here; the section on maps states what controls show."
        )
        found.append(Sentence(text, NOT_MADE))
    text = "Other hospitals, scanners and labels: not tested. No figure here is about them."
    return [*found, Sentence(text, NOT_MADE)]


def _of_contrasts(rows: Sequence[Row], of: str, ablations: Mapping[str, Row]) -> list[Sentence]:
    """Say what the contrasts of one set decide, all those that decide nothing in one sentence."""
    if not rows:
        return [] if of == "test" else [Sentence("Contrasts of inputs: not made.", NOT_MADE)]
    n = int(rows[0]["n"])
    method = f"n = {n}; Tango's interval, exact McNemar, max-T over {len(rows)} contrasts"
    found = []
    for row in rows:
        if row["verdict"] == SHOWN:
            text = (
                f"{SETS[of]}, {inputs_of(row['first'])} and {inputs_of(row['second'])} differ in "
                "accuracy by "
                f"{wording.estimate(row['difference'], row['low'], row['high'], n)}, "
                f"p {signed(wording.p_value(row['p_max_t']))}, corrected for {len(rows)} contrasts "
                f"(max-T).{_weak(row, of, ablations)}"
            )
            found.append(Sentence(text, SHOWN, method, mark(row)))
    open_rows = [row for row in rows if row["verdict"] != SHOWN]
    if not open_rows:
        return found
    impossible = all(str(row["verdict"]).startswith(IMPOSSIBLE) for row in open_rows)
    tone = IMPOSSIBLE if impossible else NOT_SHOWN
    word = "cannot be decided on so few patients" if impossible else "are not shown"
    text = (
        f"{SETS[of]} (n = {n}): {len(open_rows)} of {len(rows)} contrasts between inputs {word}; "
        "the order of the inputs says nothing."
    )
    marks = "; ".join(dict.fromkeys(mark(row) for row in open_rows))
    return [*found, Sentence(text, tone, method, marks)]


def _weak(row: Row, of: str, ablations: Mapping[str, Row]) -> str:
    """Say which of two inputs is itself not above a constant classifier."""
    weak = []
    for name in (row["first"], row["second"]):
        own = headline(ablations[name], of) if name in ablations else None
        pair = class_sizes(own) if own else (0, 0)
        if own and min(pair) and not beats(own, of, constant(*pair)[1]):
            weak.append(inputs_of(name))
    if not weak:
        return ""
    return f" Not shown to be above a constant classifier: {' and '.join(weak)}."


def box(found: Sequence[Sentence]) -> dict[str, Any]:
    """Return the sentences as the page shows them: what can be said, then what cannot."""
    plans = {sentence.plan for sentence in found if sentence.plan}
    return {
        "can": [s for s in found if s.tone == SHOWN],
        "cannot": [s for s in found if s.tone != SHOWN],
        "without_plan": plans <= {NO_PLAN},
    }
