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


def evaluating(runs: Runs, tables: Tables) -> list[str]:
    """Write how results were evaluated."""
    found = []
    if runs.have("evaluate"):
        (run,) = runs.of("evaluate")
        used = "; ".join(
            f"{m}: {METHODS[m].reference}" for m in run.facts.get("methods", ()) if m in METHODS
        )
        confidence = 100 * float(run.settings["confidence"])
        found.append(f"RICE is the positive class. Intervals are of {confidence:g} % ({used}).")
        if pairs := run.facts.get("contrasts"):
            found.append(
                f"{len(pairs)} contrasts between input combinations were tested by the exact "
                f"test of "
                "McNemar [@mcnemar], corrected by max-T [@maxt]."
            )
    if runs.have("calibrate") and _values(tables, "calibration"):
        found.append(
            "Calibration was measured out of fold (CORP [@corp]); what is fitted was fitted on "
            "other folds."
        )
    if runs.have("calibrate") and _values(tables, "decision"):
        found.append("Decision curves were drawn [@netbenefit].")
    if runs.have("calibrate") and _values(tables, "conformal"):
        found.append("Class-wise conformal sets were made [@conformal].")
    if runs.have("probes") and (count := len({row["group"] for row in _values(tables, "probes")})):
        found.append(
            "Logistic regression and gradient boosting (scikit-learn "
            f"{runs.version('scikit-learn')} [@sklearn]) on {count} groups of simple features "
            "[@ibsi] were fitted in the same folds."
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
