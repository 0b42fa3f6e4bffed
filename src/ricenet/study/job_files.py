"""What each rule's job leaves besides its results: a log, a benchmark, a note where it failed.

A rule that is new gets a row here, unless it is that of an explanation method, which has one. The
rows become kinds of files of :mod:`ricenet.study.layout`, ``<rule>_log``, ``<rule>_benchmark`` and
``<rule>_failure``, so that each of them has an owner.
"""

from __future__ import annotations

from ricenet.study.explain_methods import METHODS

LOGS, BENCHMARKS = "logs", "benchmarks"
FAILURE = ".failed.json"  # in place of .log, see ricenet.step.failure
OF_SUBJECT, OF_COHORT = "{subject}", "{cohort}"
OF_CHANNEL = f"{OF_SUBJECT}/{{channel}}"
OF_ABLATION = f"{OF_COHORT}/{{ablation}}"
OF_MAP = f"{OF_ABLATION}_{{subject}}"
# rule to folder and name, without the ending
JOBS = {
    "ingest_mri": f"{OF_CHANNEL}_ingest_mri",
    "ingest_dose": f"{OF_CHANNEL}_ingest_dose",
    "ingest_mask": f"{OF_CHANNEL}_ingest_mask",
    "timeline": f"{OF_SUBJECT}/timeline",
    "resample": f"{OF_CHANNEL}_resample",
    "brain_mask": f"{OF_CHANNEL}_brain_mask",
    "register": f"{OF_SUBJECT}/{{moving}}_to-{{fixed}}_register",
    "align": f"{OF_CHANNEL}_align",
    "align_mask": f"{OF_CHANNEL}_align_mask",
    "zscore": f"{OF_CHANNEL}_zscore",
    "total_dose": f"{OF_CHANNEL}_total_dose",
    "crop": f"{OF_SUBJECT}/crop",
    "quality": f"{OF_SUBJECT}/quality",
    "cache": f"{OF_SUBJECT}/cache",
    "overview": f"{OF_SUBJECT}/overview",
    "probe_features": f"{OF_SUBJECT}/probe_features",
    "manifest": f"{OF_COHORT}/manifest",
    "train_model": f"{OF_ABLATION}_fold-{{fold}}_train_model",
    "predict_test": f"{OF_ABLATION}_predict_test",
    **{step: f"{OF_MAP}_{step}" for step in METHODS},
    "occlusion_cubes": f"{OF_MAP}_occlusion_cubes",
    "occlusion_control": f"{OF_COHORT}/{{control}}_{{ablation}}_{{subject}}_occlusion_control",
    "occlusion_statistics": f"{OF_ABLATION}_occlusion_statistics",
    "occlusion_native": f"{OF_MAP}_occlusion_native",
    "occlusion_picture": f"{OF_MAP}_occlusion_picture",
    "occlusion_summary": f"{OF_ABLATION}_occlusion_summary",
    "dose_counterfactual": f"{OF_ABLATION}_dose_counterfactual",
    "arrival": f"{OF_COHORT}/{{subject}}_arrival",
    "predict_arrival": f"{OF_MAP}_predict_arrival",
    "vote": f"{OF_COHORT}/{{subject}}_vote",
    "predictions": f"{OF_COHORT}/predictions",
    "occlusion_arrival": f"{OF_MAP}_occlusion_arrival",
    "picture_arrival": f"{OF_MAP}_picture_arrival",
    "open_test_set": f"{OF_COHORT}/open_test_set",
    "note_plan": f"{OF_COHORT}/note_plan",
    "evaluate": f"{OF_COHORT}/evaluate",
    "calibrate": f"{OF_COHORT}/calibrate",
    "probes": f"{OF_COHORT}/probes",
    "describe_cohort": f"{OF_COHORT}/describe_cohort",
    "near_duplicates": f"{OF_COHORT}/near_duplicates",
    "compare": f"{OF_COHORT}/compare",
    "control_manifest": f"{OF_COHORT}/{{control}}_fold-{{fold}}_control_manifest",
    "train_control": f"{OF_COHORT}/{{control}}_{{ablation}}_fold-{{fold}}_train_control",
    "control_metrics": f"{OF_COHORT}/control_metrics",
    "report": f"{OF_COHORT}/report",
    "audit": "audit",
    "check_device": "device-check",
}


def files() -> dict[str, str]:
    """Return the kinds of these files with their paths, as rows of the layout's table."""
    return {
        kind: path
        for rule, name in JOBS.items()
        for kind, path in (
            (f"{rule}_log", f"{LOGS}/{name}.log"),
            (f"{rule}_failure", f"{LOGS}/{name}{FAILURE}"),
            (f"{rule}_benchmark", f"{BENCHMARKS}/{name}.tsv"),
        )
    }
