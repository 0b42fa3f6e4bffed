"""Where the files of a study lie: one table of all of them, read in both directions.

Rules and lists of files take their paths from :func:`path`; what reads a study's folder takes the
names out of a path by :func:`parse`. What there is on the disk is listed by
:mod:`ricenet.study.folder`, and whose a file is stated by :mod:`ricenet.study.ownership`. No other
module builds or cuts such a path (``tests/test_house.py``); steps, which know no study, get what
they need from their rules. A kind of file is a row of :data:`FILES`, the log of a rule one of
:data:`ricenet.study.job_files.JOBS`, the maps of an explanation method one of
:data:`ricenet.study.explain_methods.METHODS`; the rules are held against them in
``tests/workflow/test_rules.py``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ricenet.study import explain_methods, job_files

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
    "digest": "[0-9a-f]{16}",
    "control": r"(?:permutation-\d{4}|untrained-\d{4}|seed-\d{4}|learning-\d{3})",
}
_OPEN = {name: f"{{{name}}}" for name in NAMES}
SUBJECT, COHORT = "subjects/{subject}", "cohorts/{cohort}"
COMBINATION = f"{COHORT}/{{ablation}}"
FOLD, MAP = f"{COMBINATION}/fold-{{fold}}", f"{COMBINATION}/occlusion/{{subject}}"
ARRIVAL = f"{COHORT}/predictions/{{subject}}"
CONTROL = f"{COHORT}/controls/{{control}}"  # no results: the name of each file says so
CONTROL_MAP = f"{CONTROL}/{{ablation}}/occlusion/control-{{subject}}"
CONTROL_FOLD = f"{CONTROL}/{{ablation}}/fold-{{fold}}/control"
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
    "resume_point": f"{FOLD}/resume-{{digest}}.safetensors",  # of a training that was interrupted
    "validation_predictions": f"{FOLD}/predictions.tsv",
    "model_record": f"{FOLD}/model.json",
    "test_predictions": f"{COHORT}/{{ablation}}/test-predictions.tsv",
    "test_predictions_record": f"{COHORT}/{{ablation}}/test-predictions.json",
    "test_openings": f"{COHORT}/test-openings.tsv",
    "test_openings_record": f"{COHORT}/test-openings.json",
    "plan_record": f"{COHORT}/analysis-plan.json",
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
    "probe_decision": f"{COHORT}/evaluation/probe-decision.tsv",
    "probe_predictions": f"{COHORT}/evaluation/probe-predictions.tsv",
    "probes_record": f"{COHORT}/evaluation/probes.json",
    "subgroups": f"{COHORT}/evaluation/subgroups.tsv",
    "failures": f"{COHORT}/evaluation/failures.tsv",
    "missingness": f"{COHORT}/evaluation/missingness.tsv",
    "label_provenance": f"{COHORT}/evaluation/label-provenance.tsv",
    "description_record": f"{COHORT}/evaluation/description.json",
    "near_duplicates": f"{COHORT}/evaluation/near-duplicates.tsv",
    "near_duplicates_record": f"{COHORT}/evaluation/near-duplicates.json",
    "comparison": f"{COHORT}/evaluation/comparison.tsv",
    "comparison_record": f"{COHORT}/evaluation/comparison.json",
    "control_manifest": f"{CONTROL}/fold-{{fold}}/control-manifest.tsv",
    "control_manifest_record": f"{CONTROL}/fold-{{fold}}/control-manifest.json",
    "control_model": f"{CONTROL_FOLD}-model.safetensors",
    "control_history": f"{CONTROL_FOLD}-history.tsv",
    "control_predictions": f"{CONTROL_FOLD}-predictions.tsv",
    "control_model_record": f"{CONTROL_FOLD}-model.json",
    "control_metrics": f"{COHORT}/controls/control-metrics.tsv",
    "control_summary": f"{COHORT}/controls/control-summary.tsv",
    "control_metrics_record": f"{COHORT}/controls/control-metrics.json",
    **explain_methods.files(COMBINATION),
    "occlusion_channel_maps": f"{MAP}_channels.nii.gz",
    "occlusion_cubes": f"{MAP}_cubes.safetensors",
    "occlusion_cubes_record": f"{MAP}_cubes.json",
    "control_cubes": f"{CONTROL_MAP}_cubes.safetensors",
    "control_cubes_record": f"{CONTROL_MAP}_cubes.json",
    "occlusion_statistics": f"{COMBINATION}/occlusion-statistics.tsv",
    "occlusion_statistics_record": f"{COMBINATION}/occlusion-statistics.json",
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
    "status": "status.tsv",
    "status_page": "status.html",
    **job_files.files(),
}  # fmt: skip
# written beside the results, without a record
UNRECORDED_FOLDERS = (job_files.LOGS, job_files.BENCHMARKS)
UNRECORDED_FILES = (FILES["status"], FILES["status_page"])


class ParsedPath(NamedTuple):
    """The content of a path: the kind of file, a key of :data:`FILES`, and the names in it."""

    kind: str
    names: dict[str, str]


def path(kind: str, **names: str | int) -> str:
    """Return the path of a file, relative to the study's folder.

    A name that is left out stays as ``{name}``, for the rules to fill in.
    """
    return FILES[kind].format_map({**_OPEN, **names})


def parse(path: str) -> ParsedPath | None:
    """Return what a path within the study's folder stands for; None where no rule makes it."""
    for kind, pattern in _patterns().get(path.partition("/")[0], {}).items():
        if match := pattern.fullmatch(path):
            return ParsedPath(kind, match.groupdict())
    return None


@cache
def _patterns() -> dict[str, dict[str, re.Pattern[str]]]:
    """Return the pattern of each kind of file, by the first part of its path."""
    patterns: dict[str, dict[str, re.Pattern[str]]] = {}
    for kind, template in FILES.items():
        pattern = re.compile(_pattern(template))
        patterns.setdefault(template.partition("/")[0], {})[kind] = pattern
    return patterns


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


def record_name(record: str | Path) -> str:
    """Return the name of a record as ids of checks have it, ``<record>/<check>``."""
    return Path(record).stem


def short_name(file: str) -> str:
    """Return the name of a file without folder and endings."""
    return file.rpartition("/")[2].partition(".")[0]


def file_name(kind: str) -> str:
    """Return the name of a file of a kind without its folder."""
    return FILES[kind].rpartition("/")[2]


def is_ledger(path: str) -> bool:
    """Return whether a path is that of the ledger of test openings, which no record names."""
    parsed = parse(path)
    return parsed is not None and parsed.kind == "test_openings"
