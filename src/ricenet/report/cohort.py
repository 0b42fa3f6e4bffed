"""What the report shows of the cohort: where patients went, who looks alike, who is misjudged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ricenet.report import plots
from ricenet.report.page import inputs_of, set_words
from ricenet.statistics import metrics

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]
PROBE = ("all", "logistic")  # whose probability stands on the card of a failure


def flow(
    board: Sequence[Row],
    manifest: Sequence[Row],
    subjects: Collection[str],
    excluded: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return where the patients of the subjects table went, each step with who left and why.

    Parameters
    ----------
    board : sequence of dict
        Rows of the board: subject, state, why; what failed for a cohort stands there, too.
    manifest : sequence of dict
        Rows of the cohort's manifest; none where there is none.
    subjects : collection of str
        Subjects that the study works on.
    excluded : mapping of str to str
        Subjects that a person left out, with the reason.
    """
    states: dict[str, Row] = {}
    for row in board:
        states.setdefault(row["subject"], row)
    cohort = {row["subject"]: row for row in manifest}
    known = {s: row for s, row in states.items() if s in excluded or s in subjects}
    stopped = {
        s: row for s, row in known.items()
        if s not in excluded and s not in cohort and row["state"] != "ready"
    }  # fmt: skip
    outside = [s for s in known if s not in {*excluded, *stopped, *cohort}]
    prepared = len(known) - len(excluded) - len(stopped)
    steps = [
        _step("subjects known", len(known), [("left out by a person", _reasons(excluded))]),
        _step("not left out", len(known) - len(excluded), [
            (f"{state}: not prepared", _reasons({s: _short(r["why"]) for s, r in stopped.items()
                                                if r["state"] == state}))
            for state in ("failed", "held", "unfinished")
        ]),
        _step("prepared", prepared, [
            ("not in the cohort file", _reasons(dict.fromkeys(outside, ""))),
        ]),
        _step("in the cohort", len(cohort), []),
    ]  # fmt: skip
    folds = [row["fold"] for row in cohort.values() if row["split"] == "train"]
    parts = [f"{folds.count(k)} in fold {k}" for k in sorted(set(folds))]
    steps.append(_step("training", len(folds), [], ", ".join(parts)))
    steps.append(_step("test", sum(row["split"] == "test" for row in cohort.values()), []))
    return steps


def in_words(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return the way of the patients as one line."""
    return "Way of the patients: " + "; ".join(
        f"{step['count']} {step['name']}"
        + "".join(f", {out['count']} {out['what']}" for out in step["left"])
        for step in steps
    )


def _step(
    name: str, count: int, left: Sequence[tuple[str, list[tuple[str, list[str]]]]], note: str = ""
) -> dict[str, Any]:
    out = [
        {"what": what, "reasons": reasons, "count": sum(len(s) for _, s in reasons)}
        for what, reasons in left if reasons
    ]  # fmt: skip
    return {"name": name, "count": count, "left": out, "note": note}


def _reasons(subjects: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for subject, why in subjects.items():
        found.setdefault(why, []).append(subject)
    return list(found.items())


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def description(
    tables: Tables,
    main: str,
    checks: Collection[Row],
    few: Collection[str] = (),
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """Return subgroups and failures of one input combination, duplicates, and what is missing.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    checks : collection of dict
        Checks of subjects, to count those that did not pass.
    few : collection of str
        Sets with too few patients to estimate anything, which are not drawn.
    sizes : mapping of str to (int, int)
        RICE and recurrence of each set.
    """
    every = Counter(check["subject"] for check in checks)
    not_passed = Counter(check["subject"] for check in checks if check["verdict"] != "pass")
    probe = {
        (row["set"], row["subject"]): row["probability_rice"]
        for row in tables.get("probe_predictions", ())
        if (row["group"], row["model"]) == PROBE
    }
    own = [row for row in tables.get("subgroups", ()) if row["ablation"] == main]
    return {
        "main": main,
        "made": {kind: kind in tables for kind in
                 ("subgroups", "failures", "missingness", "near_duplicates")},
        "failures": [
            {**row, "features": json.loads(row["features"]),
             "open_checks": not_passed[row["subject"]], "checks": every[row["subject"]],
             "probe": probe.get((row["set"], row["subject"]), "")}
            for row in tables.get("failures", ()) if row["ablation"] == main
        ],
        "none_wrong": none_wrong(sizes or {}, few),
        "subgroups": own,
        "subgroup_plot": subgroup_plot([row for row in own if row["set"] not in few], main),
        "missing": tables.get("missingness", ()),
        "pairs": tables.get("near_duplicates", ()),
        "alike": [row for row in tables.get("near_duplicates", ()) if row["alike"] == "yes"],
    }  # fmt: skip


def none_wrong(sizes: Mapping[str, tuple[int, int]], few: Collection[str]) -> str:
    """Say that no answer is wrong, and how many errors so many patients leave possible."""
    parts = []
    for of, pair in sizes.items():
        n = sum(pair)
        most = f"too few of a class to say that errors are rare{_of_one_class(pair)}"
        if of not in few:
            high = 1 - metrics.wilson(n, n, confidence=0.95).low
            most = f"compatible with {100 * high:.0f} % errors"
        parts.append(f"{n} patients of {set_words(of)} ({most})")
    return f"No answer is wrong among {' and '.join(parts) or 'these patients'}."


def _of_one_class(pair: tuple[int, int]) -> str:
    if min(pair):
        return ""
    return f", and who calls all {'RICE' if pair[0] else 'recurrence'} has none here either"


def subgroup_plot(rows: Sequence[Row], main: str) -> Markup | str:
    """Draw the accuracy of the subgroups that are large enough."""
    made = [
        {"name": f"{r['set']}: {r['by'].replace('_', ' ')}, {r['group']}", "value": r["accuracy"],
         "low": r["low"], "high": r["high"], "n": r["n"],
         "beside": r["constant"],
         "says": f"; {r['errors']} errors, Wilson; same answer for all: {float(r['constant']):.2f}"}
        for r in rows if not r["note"]
    ]  # fmt: skip
    if not made:
        return ""
    inputs = inputs_of(main)
    return plots.forest(
        made, [], label="accuracy, Wilson; tick: the same answer for all", name="subgroups",
        alt=f"Accuracy of {inputs} by subgroup with intervals; as in the table below",
    )  # fmt: skip
