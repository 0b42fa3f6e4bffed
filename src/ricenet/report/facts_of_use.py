"""Facts about inputs, outputs and use for the reporting sheets; empty where nothing was run."""

from __future__ import annotations

from ricenet.normalisations import NORMALISATIONS
from ricenet.report.known import Known
from ricenet.report.page import inputs_of
from ricenet.report.shortcuts import feature_words
from ricenet.statistics import wording


def handling(k: Known) -> str:
    """Return how inputs were scaled."""
    used = {name: row for name, row in NORMALISATIONS.items() if k.runs.have(name)}
    found = [f"MRI: {row.words}." for row in used.values()]
    if k.runs.have("cache"):
        scaling = k.runs.setting("cache", "dose_scaling")
        scale = k.runs.setting("cache", "dose_scale_gy")
        found.append(
            f"Dose: {scaling}" + (f", divided by {scale} Gy." if scaling == "constant" else ".")
        )
    return " ".join(found)


def predictors(k: Known) -> str:
    """Return the inputs that were tried."""
    return f"Input combinations: {', '.join(map(inputs_of, k.ablations))}." if k.ablations else ""


def imbalance(k: Known) -> str:
    """Return how class imbalance was handled."""
    if not k.runs.have("train_model") and not k.made("calibration"):
        return ""
    text = "No record of how classes were drawn in training."
    if k.runs.have("train_model"):
        text = (
            "Both classes were drawn equally often in training, so that outputs are for as many "
            "RICE as recurrences."
        )
    if k.made("calibration"):
        text += " Probabilities shifted to the cohort's share of RICE stand beside them."
    return text


def fairness(k: Known) -> str:
    """Return what was looked at of fairness."""
    if "subgroups" not in k.tables:
        return ""
    columns = grouped_by(k)
    text = f"Subgroups by {columns}" if columns else "No column parts the patients into subgroups"
    return f"{text}; none by age, sex or origin, of which there is no record."


def grouped_by(k: Known) -> str:
    """Return the columns that patients were really grouped by, in words; empty without any."""
    used = dict.fromkeys(
        row["by"] for row in k.tables.get("subgroups", ()) if row["ablation"] == k.main
    )
    return ", ".join(map(feature_words, used))


def output(k: Known) -> str:
    """Return what a network answers, and the thresholds."""
    if not k.ablations:
        return ""
    text = "Probability of RICE; above 0.5 the call is RICE."
    if k.made("thresholds"):
        text += " Thresholds chosen out of fold stand beside it."
    return text


def updating(k: Known) -> str:
    """Return how probabilities were recalibrated."""
    if not k.made("calibration"):
        return ""
    return "A temperature and the share of RICE, fitted out of fold; the networks stay as they are."


def updated(k: Known) -> str:
    """Return the result of recalibration."""
    rows = [
        row for row in k.tables.get("calibration", ())
        if row["ablation"] == k.main and row["measure"] == "temperature" and row["value"]
    ]  # fmt: skip
    parts = [
        f"{row['version']}: "
        f"{wording.estimate(row['value'], row['low'], row['high'], int(row['n']))}"
        for row in rows
    ]
    return f"Temperature, {'; '.join(parts)}." if parts else ""


def poor_input(k: Known) -> str:
    """Return what happens to a patient whose data are poor."""
    if not k.runs.have("quality"):
        return ""
    return (
        "A patient with a failed check is held back, also from prediction, until a person decides."
    )
