"""The steps of the workflow: the module of each, and the limits of those that read raw data.

The networks that a study can choose from are listed here too: of their code, that of the chosen one
counts.

A rule calls ``python -m ricenet <step>``: its command stays the same when a module moves. Names of
steps stand in records and never change. Standard library only: the Snakefile reads this.
"""

from __future__ import annotations

from typing import NamedTuple

from ricenet.normalisations import NORMALISATIONS
from ricenet.provenance import code_digest


class Step(NamedTuple):
    """A step of the workflow.

    Attributes
    ----------
    module : str
        Dotted name of the module whose ``main`` it is.
    memory_mb, seconds : int or None
        Limits of the child process in which a step runs that reads what others have written; what
        its rule asks of a machine is no more (``mem_mb``, ``runtime``).
    """

    module: str
    memory_mb: int | None = None
    seconds: int | None = None


STEPS = {
    "ingest_mri": Step("ricenet.ingest.ingest_mri", memory_mb=4000, seconds=600),
    "ingest_dose": Step("ricenet.ingest.ingest_dose", memory_mb=4000, seconds=600),
    "ingest_mask": Step("ricenet.ingest.ingest_mask", memory_mb=4000, seconds=600),
    "timeline": Step("ricenet.ingest.timeline", memory_mb=4000, seconds=600),
    "resample": Step("ricenet.preprocess.resample"),
    "brain_mask": Step("ricenet.preprocess.brain_mask"),
    "register": Step("ricenet.preprocess.register"),
    "align": Step("ricenet.preprocess.align"),
    "align_mask": Step("ricenet.preprocess.align_mask"),
    **{name: Step(row.module) for name, row in NORMALISATIONS.items()},
    "total_dose": Step("ricenet.preprocess.total_dose"),
    "crop": Step("ricenet.preprocess.crop"),
    "overview": Step("ricenet.preprocess.overview"),
    "quality": Step("ricenet.preprocess.quality"),
    "cache": Step("ricenet.preprocess.cache"),
    "manifest": Step("ricenet.cohort.manifest"),
    "train_model": Step("ricenet.train.train_model"),
    "predict": Step("ricenet.predict.predict"),
    "arrival": Step("ricenet.predict.arrival"),
    "vote": Step("ricenet.predict.vote"),
    "predictions": Step("ricenet.predict.predictions"),
    "open_test_set": Step("ricenet.evaluate.open_test_set"),
    "note_plan": Step("ricenet.evaluate.note_plan"),
    "evaluate": Step("ricenet.evaluate.evaluate"),
    "calibrate": Step("ricenet.evaluate.calibrate"),
    "probe_features": Step("ricenet.evaluate.probe_features"),
    "probes": Step("ricenet.evaluate.probes"),
    "describe_cohort": Step("ricenet.evaluate.describe_cohort"),
    "near_duplicates": Step("ricenet.evaluate.near_duplicates"),
    "control_manifest": Step("ricenet.cohort.control_manifest"),
    "control_metrics": Step("ricenet.evaluate.control_metrics"),
    "compare": Step("ricenet.evaluate.compare"),
    "occlusion_map": Step("ricenet.explain.occlusion_map"),
    "occlusion_cubes": Step("ricenet.explain.occlusion_cubes"),
    "occlusion_statistics": Step("ricenet.explain.occlusion_statistics"),
    "occlusion_native": Step("ricenet.explain.occlusion_native"),
    "occlusion_picture": Step("ricenet.explain.occlusion_picture"),
    "occlusion_summary": Step("ricenet.explain.occlusion_summary"),
    "dose_counterfactual": Step("ricenet.explain.dose_counterfactual"),
    "audit": Step("ricenet.audit.collect"),
    "report": Step("ricenet.report.report"),
}

NETWORKS = {  # the module of each, by its name in train_model.model.network
    "resnet18": "ricenet.networks.resnet",
    "densenet121": "ricenet.networks.densenet",
    "local": "ricenet.networks.local",
}
CHOICE = "ricenet.networks.build"  # the module that loads one of them


def code_hash(step: str, network: str | None = None) -> str:
    """Return the digest of the code that can change what a step makes.

    Parameters
    ----------
    step : str
        One of :data:`STEPS`.
    network : str, optional
        The one of :data:`NETWORKS` that the study has chosen: another one's code changes no result.
        By default the code of all of them counts.
    """
    return module_hash(STEPS[step].module, network)


def module_hash(module: str, network: str | None = None) -> str:
    """Return the digest of a module's code and of all that it imports, see :func:`code_hash`."""
    chosen = tuple(NETWORKS.values()) if network is None else (NETWORKS[network],)
    return code_digest.code_hash(module, chosen=((CHOICE, chosen),))
