"""Where the files of a study lie: one table of all of them, read in both directions.

Rules and lists of files take their paths from :func:`path`; what reads a study's folder takes the
names out of a path by :func:`parse`. A kind of file is a row of :data:`FILES`; a new kind of map
lies in a folder that :data:`MAP_FOLDERS` names.

A patient who withdraws takes along all files that are this patient's alone (``ricenet leftovers``),
also those of no known kind: :func:`owner` goes by the folder. The rules are held against it in
``tests/workflow/test_rules.py``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple

ID = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"  # of a subject: no underscore, which separates names
CHANNEL = "[a-z][a-z0-9]*"
# names in paths, as regular expressions; the rules constrain their wildcards by the same
NAMES = {
    "subject": ID,
    "cohort": "[A-Za-z0-9][A-Za-z0-9._-]*",
    "channel": CHANNEL,
    "moving": CHANNEL,
    "fixed": CHANNEL,
    "transform": "tfm|h5",
    "ablation": "[a-z][a-z0-9-]*",
    "fold": r"\d+",
}
_OPEN = {name: f"{{{name}}}" for name in NAMES}
SUBJECT, COHORT = "subjects/{subject}", "cohorts/{cohort}"
FOLD, MAP = f"{COHORT}/{{ablation}}/fold-{{fold}}", f"{COHORT}/{{ablation}}/occlusion/{{subject}}"
ARRIVAL = f"{COHORT}/predictions/{{subject}}"
ARRIVAL_MAP = f"{ARRIVAL}/{{ablation}}/occlusion/{{subject}}"
# <kind>_record is the JSON record beside what a step writes
FILES = {
    "timeline_record": f"{SUBJECT}/timeline.json",
    "native": f"{SUBJECT}/{{channel}}_native.nii.gz",
    "native_record": f"{SUBJECT}/{{channel}}_native.json",
    "isotropic": f"{SUBJECT}/{{channel}}_isotropic.nii.gz",
    "isotropic_record": f"{SUBJECT}/{{channel}}_isotropic.json",
    "brain_mask": f"{SUBJECT}/{{channel}}_brain-mask.nii.gz",
    "brain_mask_record": f"{SUBJECT}/{{channel}}_brain-mask.json",
    "transform": f"{SUBJECT}/{{moving}}_to-{{fixed}}.{{transform}}",
    "transform_record": f"{SUBJECT}/{{moving}}_to-{{fixed}}.json",
    "registered": f"{SUBJECT}/{{channel}}_registered.nii.gz",
    "registered_record": f"{SUBJECT}/{{channel}}_registered.json",
    "zscored": f"{SUBJECT}/{{channel}}_zscored.nii.gz",
    "zscored_record": f"{SUBJECT}/{{channel}}_zscored.json",
    "total": f"{SUBJECT}/{{channel}}_total.nii.gz",
    "total_record": f"{SUBJECT}/{{channel}}_total.json",
    "cropped": f"{SUBJECT}/{{channel}}_cropped.nii.gz",
    "cropped_mask": f"{SUBJECT}/brain-mask_cropped.nii.gz",
    "crop_record": f"{SUBJECT}/crop.json",
    "quality": f"{SUBJECT}/quality.tsv",
    "quality_record": f"{SUBJECT}/quality.json",
    "overview": f"{SUBJECT}/overview.png",
    "overview_record": f"{SUBJECT}/overview.json",
    "probe_features": f"{SUBJECT}/probe-features.tsv",
    "probe_features_record": f"{SUBJECT}/probe-features.json",
    "cache": "caches/{subject}.npy",
    "cache_record": "caches/{subject}.json",
    "manifest": f"{COHORT}/manifest.tsv",
    "manifest_record": f"{COHORT}/manifest.json",
    "model": f"{FOLD}/model.safetensors",
    "history": f"{FOLD}/history.tsv",
    "validation_predictions": f"{FOLD}/predictions.tsv",
    "model_record": f"{FOLD}/model.json",
    "test_predictions": f"{COHORT}/{{ablation}}/test-predictions.tsv",
    "test_predictions_record": f"{COHORT}/{{ablation}}/test-predictions.json",
    "metrics": f"{COHORT}/evaluation/metrics.tsv",
    "metrics_summary": f"{COHORT}/evaluation/metrics.json",
    "contrasts": f"{COHORT}/evaluation/contrasts.tsv",
    "evaluation_record": f"{COHORT}/evaluation/evaluation.json",
    "calibration": f"{COHORT}/evaluation/calibration.tsv",
    "calibration_curve": f"{COHORT}/evaluation/calibration-curve.tsv",
    "thresholds": f"{COHORT}/evaluation/thresholds.tsv",
    "decision": f"{COHORT}/evaluation/decision.tsv",
    "conformal": f"{COHORT}/evaluation/conformal.tsv",
    "selective": f"{COHORT}/evaluation/selective.tsv",
    "calibration_record": f"{COHORT}/evaluation/calibration.json",
    "probes": f"{COHORT}/evaluation/probes.tsv",
    "added_value": f"{COHORT}/evaluation/added-value.tsv",
    "probe_predictions": f"{COHORT}/evaluation/probe-predictions.tsv",
    "probes_record": f"{COHORT}/evaluation/probes.json",
    "subgroups": f"{COHORT}/evaluation/subgroups.tsv",
    "failures": f"{COHORT}/evaluation/failures.tsv",
    "missingness": f"{COHORT}/evaluation/missingness.tsv",
    "description_record": f"{COHORT}/evaluation/description.json",
    "near_duplicates": f"{COHORT}/evaluation/near-duplicates.tsv",
    "near_duplicates_record": f"{COHORT}/evaluation/near-duplicates.json",
    "comparison": f"{COHORT}/evaluation/comparison.tsv",
    "comparison_record": f"{COHORT}/evaluation/comparison.json",
    "occlusion_map": f"{MAP}.nii.gz",
    "occlusion_channel_maps": f"{MAP}_channels.nii.gz",
    "occlusion_map_record": f"{MAP}.json",
    "occlusion_native": f"{MAP}_native.nii.gz",
    "occlusion_native_record": f"{MAP}_native.json",
    "occlusion_picture": f"{MAP}.png",
    "occlusion_picture_record": f"{MAP}_picture.json",
    "occlusion_summary": f"{COHORT}/{{ablation}}/occlusion-summary.tsv",
    "occlusion_summary_record": f"{COHORT}/{{ablation}}/occlusion-summary.json",
    "dose_counterfactual": f"{COHORT}/{{ablation}}/dose-counterfactuals.tsv",
    "dose_counterfactual_record": f"{COHORT}/{{ablation}}/dose-counterfactuals.json",
    # of one subject who arrived at a finished cohort
    "arrival": f"{ARRIVAL}/manifest.tsv",
    "arrival_record": f"{ARRIVAL}/manifest.json",
    "arrival_predictions": f"{ARRIVAL}/{{ablation}}/predictions.tsv",
    "arrival_predictions_record": f"{ARRIVAL}/{{ablation}}/predictions.json",
    "prediction": f"{ARRIVAL}/prediction.json",
    "vote_record": f"{ARRIVAL}/vote.json",
    "arrival_occlusion_map": f"{ARRIVAL_MAP}.nii.gz",
    "arrival_occlusion_channel_maps": f"{ARRIVAL_MAP}_channels.nii.gz",
    "arrival_occlusion_map_record": f"{ARRIVAL_MAP}.json",
    "arrival_occlusion_picture": f"{ARRIVAL_MAP}.png",
    "arrival_occlusion_picture_record": f"{ARRIVAL_MAP}_picture.json",
    "predictions": f"{COHORT}/predictions/predictions.tsv",
    "predictions_record": f"{COHORT}/predictions/predictions.json",
    "audit": "audit/records.tsv",
    "audit_record": "audit/audit.json",
    "report": f"{COHORT}/report/index.html",
    "reporting_sheets": f"{COHORT}/report/reporting-sheets.tsv",
    "methods_text": f"{COHORT}/report/methods.md",
    "model_card": f"{COHORT}/report/model-card.md",
    "report_record": f"{COHORT}/report/report.json",
    "device_check": "logs/device-check.json",
}  # fmt: skip

OF_SUBJECTS = ("subjects", "logs", "benchmarks")  # folders with one folder a subject
# folders of explanations below an input combination: files begin with the subject
MAP_FOLDERS = frozenset({"occlusion"})

# kinds of a subject that is predicted, made and removed with the cohort's predictions; their
# maps are like those of the cohort
ARRIVALS = frozenset(
    kind for kind, place in FILES.items() if place.startswith(ARRIVAL) and "occlusion" not in kind
)


class Place(NamedTuple):
    """The content of a path: the kind of file, a key of :data:`FILES`, and the names in it."""

    kind: str
    names: dict[str, str]


def path(kind: str, **names: str | int) -> str:
    """Return the path of a file, relative to the study's folder.

    A name that is left out stays as ``{name}``, for the rules to fill in.
    """
    return FILES[kind].format_map({**_OPEN, **names})


def parse(path: str) -> Place | None:
    """Return what a path within the study's folder stands for; None where no rule makes it."""
    for kind, pattern in _patterns().items():
        if match := pattern.fullmatch(path):
            return Place(kind, match.groupdict())
    return None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {kind: re.compile(_pattern(template)) for kind, template in FILES.items()}


def _pattern(template: str) -> str:
    """Return a template as a regular expression; a name that comes twice must be the same."""
    seen: set[str] = set()
    text = ""
    for literal, name in re.findall(r"([^{}]+)|\{(\w+)\}", template):
        text += re.escape(literal)
        if name:
            text += f"(?P={name})" if name in seen else f"(?P<{name}>{NAMES[name]})"
            seen.add(name)
    return text


def owner(path: Path, cohorts: Collection[str]) -> str:
    """Return the subject whose file it is; empty for files of a cohort or of all.

    Names of logs and benchmarks within a cohort's folder hold the subject between underscores,
    which no id has: see :func:`subjects_in`.

    Parameters
    ----------
    path : Path
        Relative to the study's folder.
    cohorts : collection of str
        Names of the study's cohorts.
    """
    parts = path.parts
    name = re.sub(r"^\.\d+\.", "", parts[-1])  # temporaries of a killed job, too
    if parts[0] in OF_SUBJECTS and len(parts) > 1 and parts[1] not in cohorts:
        return parts[1] if len(parts) > 2 or parts[0] == "subjects" else ""
    if parts[0] == "caches":
        return name.split(".")[0]
    if parts[0] == "cohorts" and len(parts) > 3:
        if parts[2] == "predictions":
            return parts[3] if len(parts) > 4 else ""
        if parts[3] in MAP_FOLDERS:
            return re.split("[._]", name)[0]
    return ""


def subjects_in(path: Path, known: Collection[str]) -> set[str]:
    """Return which of some subjects the name of a cohort's log or benchmark holds.

    Such a file is named ``<ablation>_<subject>_<step>``.
    """
    if path.parts[0] not in OF_SUBJECTS:
        return set()
    return set(known).intersection(path.stem.split("_"))


@cache  # called many times by the audit
def subject_of(record: str) -> str:
    """Return the subject that a record is about, by its path; empty for a cohort's.

    Records about a subject who was asked about later belong to that cohort's predictions.
    """
    place = parse(record)
    if place is None:  # of another version, perhaps
        return record.split("/")[1] if record.startswith("subjects/") else ""
    return "" if place.kind in ARRIVALS else place.names.get("subject", "")
