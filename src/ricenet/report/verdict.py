"""The box on page one: what can be said, and what cannot, in sentences that the tables write.

A sentence is *shown* where an interval or a test decides it, *not shown* where it does not, and
*cannot be shown* where so few patients could not have decided it; *not made* is what nobody ran; an
*interval* decides nothing; *one answer for all* is a network that gives all the same answer.
Each has its patients, its interval, its method, and whether it was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.controls import controls
from ricenet.report.results import FEWEST_TO_ESTIMATE, headline, sizes, with_ensemble
from ricenet.report.sentence import IMPOSSIBLE, NO_PLAN, NOT_MADE, SHOWN, Sentence
from ricenet.report.test_openings import test_openings
from ricenet.report.verdict_checks import (
    of_labels,
    of_leaks,
    of_openings,
    of_permutations,
    of_training,
)
from ricenet.report.verdict_contrasts import of_contrasts
from ricenet.report.verdict_groups import of_groups
from ricenet.report.verdict_probes import (
    beside_the_simplest,
    of_probes,
    of_untried,
    ranks_besides,
    right_besides,
)
from ricenet.report.verdict_sets import of_set

Row = Mapping[str, Any]
SYNTHETIC = Sentence("Anything about persons: the patients are synthetic.", IMPOSSIBLE)


def sentences(
    summary: Row,
    metrics: Sequence[Row],
    tables: Mapping[str, Sequence[Row]],
    main: str,
    *,
    mapped: bool = False,
    trained: bool = False,
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
    trained : bool
        There are records of trainings.
    """
    ablations = with_ensemble(summary)
    known = sizes(ablations)
    table = headline(ablations[main], "validation")["confusion"]
    right = int(table["true_positive"] + table["true_negative"])
    pairs = summary.get("contrasts", [])
    found = beside_the_simplest(tables, main, right, pairs)
    for of, pair in known.items():
        if min(pair) < FEWEST_TO_ESTIMATE or of == "test":
            simpler = right_besides(tables, of, few=min(pair) < FEWEST_TO_ESTIMATE)
        else:
            simpler = ranks_besides(tables, main)
        found += of_set(ablations, of, pair, main, metrics, simpler)
    found += [*of_groups(tables, main), of_training(trained=trained)]
    found.append(of_openings(test_openings(summary)))
    for of in known:
        found += of_contrasts([row for row in pairs if row["set"] == of], of, ablations)
    found += [of_probes(tables, main), *of_untried(tables)]
    found += [*of_labels(tables), *of_leaks(tables), *of_permutations(controls(tables))]
    if mapped:
        text = (
            "What networks look at: no claim here; the section on maps states what controls show."
        )
        found.append(Sentence(text, NOT_MADE))
    text = "Other hospitals, scanners and labels: not tested. No figure here is about them."
    return [*found, Sentence(text, NOT_MADE)]


def box(found: Sequence[Sentence]) -> dict[str, Any]:
    """Return the sentences as the page shows them: what can be said, then what cannot."""
    plans = {sentence.plan for sentence in found if sentence.plan}
    return {
        "can": [s for s in found if s.tone == SHOWN],
        "cannot": [s for s in found if s.tone != SHOWN],
        "without_plan": plans <= {NO_PLAN},
    }
