"""The sentences of the methods paragraph about evaluation and explanation.

A step may have run and found too few patients: what it could not make is not mentioned either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.records import Runs
from ricenet.statistics.methods import METHODS

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def _values(tables: Tables, kind: str) -> list[Mapping[str, Any]]:
    """Return the rows of a table that were made: a step may run and find too few patients."""
    return [row for row in tables.get(kind, ()) if not row["note"].startswith("not made")]


def evaluating(
    runs: Runs, tables: Tables, intervals: Sequence[str] = (), contrasts: int = 0
) -> list[str]:
    """Write how results were evaluated, as the records of the evaluation or its results say."""
    found = []
    methods, share, pairs = list(intervals), "", contrasts
    if runs.have("evaluate"):
        (run,) = runs.of("evaluate")
        methods = run.facts.get("methods", ())
        share = f"of {100 * float(run.settings['confidence']):g} %, "
        pairs = len(run.facts.get("contrasts", ()))
    if used := "; ".join(f"{m}: {METHODS[m].reference}" for m in methods if m in METHODS):
        found.append(f"RICE is the positive class. Intervals: {share}{used}.")
    if pairs:
        found.append(
            f"{pairs} contrasts between input combinations were tested by the exact test of "
            "McNemar [@mcnemar], corrected by max-T [@maxt]."
        )
    if _values(tables, "calibration"):
        found.append(
            "Calibration was measured out of fold (CORP [@corp]); what is fitted was fitted on "
            "other folds."
        )
    if _values(tables, "decision"):
        found.append("Decision curves were drawn [@netbenefit].")
    if _values(tables, "conformal"):
        found.append("Class-wise conformal sets were made [@conformal].")
    learn = runs.version("scikit-learn")
    if count := len({row["group"] for row in _values(tables, "probes")}):
        found.append(
            "Logistic regression and gradient boosting "
            f"({f'scikit-learn {learn}'.rstrip()} [@sklearn]) on {count} "
            f"group{'s' if count > 1 else ''} of simple features [@ibsi] were fitted in the same "
            "folds."
        )
    if runs.have("near_duplicates"):
        pairs = runs.of("near_duplicates")[0].facts["pairs"]
        found.append(f"{pairs} pairs of patients were compared to find one person under two ids.")
    return found


def explaining(runs: Runs) -> list[str]:
    """Write how answers were explained."""
    found = []
    if runs.have("occlusion_map"):
        found.append(
            f"Occlusion maps [@occlusion] of {runs.subjects('occlusion_map')} patients hid cubes "
            f"of "
            f"{runs.setting('occlusion_map', 'cube_mm')} mm every "
            f"{runs.setting('occlusion_map', 'stride_mm')} mm, filled with "
            f"{runs.setting('occlusion_map', 'mri_fill')} in MRI and "
            f"{runs.setting('occlusion_map', 'dose_fill')} in doses."
        )
    if runs.have("dose_counterfactual"):
        found.append("Test patients were predicted again under other doses.")
    return found
