"""The sentences of the methods paragraph about evaluation and explanation.

A step may have run and found too few patients: what it could not make is not mentioned either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.records import Runs
from ricenet.statistics.methods import METHODS

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows]
SET_NAMES = {"validation": "cross-validated patients", "test": "test patients"}
IMAGE_FEATURES = ("shape", "first_order")  # of IBSI


def _values(tables: Tables, kind: str) -> list[Mapping[str, Any]]:
    """Return the rows of a table that were made: a step may run and find too few patients."""
    return [row for row in tables.get(kind, ()) if not row["note"].startswith("not made")]


def contrasts_tested(contrasts: Rows) -> dict[str, int]:
    """Return for each set how many contrasts were tested; none of too few, none of one answer."""
    found: dict[str, int] = {}
    for row in contrasts:
        tested = not row.get("few") and not row.get("same")
        found[row["set"]] = found.get(row["set"], 0) + tested
    return found


def of_contrasts(contrasts: Rows) -> str:
    """Write how many contrasts were tested, and why others were not; empty without any."""
    if not contrasts:
        return ""
    made = {of: n for of, n in contrasts_tested(contrasts).items() if n}
    named = ", ".join(f"{n} of {SET_NAMES.get(of, of)}" for of, n in made.items())
    text = (
        f"Contrasts between input combinations were tested by the exact test of McNemar "
        f"[@mcnemar], corrected by max-T [@maxt]: {named}."
        if made
        else "No contrast between input combinations was tested."
    )
    few = sum(bool(row.get("few")) for row in contrasts)
    same = sum(bool(row.get("same")) and not row.get("few") for row in contrasts)
    if few:
        text += f" {few} were not, as there were too few patients of a class."
    if same:
        text += f" {same} were not, as both inputs gave everybody the same answer."
    return text


def evaluating(
    runs: Runs, tables: Tables, intervals: Sequence[str] = (), contrasts: Rows = ()
) -> list[str]:
    """Write how results were evaluated, as the records of the evaluation or its results say."""
    found = []
    methods, share = list(intervals), ""
    if runs.have("evaluate"):
        (run,) = runs.of("evaluate")
        methods = run.facts.get("methods", ())
        share = f"of {100 * float(run.settings['confidence']):g} %, "
    if used := "; ".join(f"{m}: {METHODS[m].reference}" for m in methods if m in METHODS):
        found.append(f"RICE is the positive class. Intervals: {share}{used}.")
    if text := of_contrasts(contrasts):
        found.append(text)
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
    groups = {row["group"] for row in _values(tables, "probes") if row.get("kind") != "control"}
    if count := len(groups):
        ibsi = " [@ibsi]" if groups & {*IMAGE_FEATURES, "all"} else ""
        found.append(
            "Logistic regression and gradient boosting "
            f"({f'scikit-learn {learn}'.rstrip()} [@sklearn]) on {count} "
            f"group{'s' if count > 1 else ''} of simple features{ibsi} were fitted in the same "
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
