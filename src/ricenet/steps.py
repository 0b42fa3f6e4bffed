"""The steps of the workflow: the module of each, and the limits of those that read raw data.

A rule calls ``python -m ricenet <step>``: its command stays the same when a module moves. Names of
steps stand in records and never change. Standard library only: the Snakefile reads this.
"""

from __future__ import annotations

from typing import NamedTuple

from ricenet import code_digest


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
    "ingest_mri": Step("ricenet.ingest_mri", memory_mb=4000, seconds=600),
    "ingest_dose": Step("ricenet.ingest_dose", memory_mb=4000, seconds=600),
    "timeline": Step("ricenet.timeline", memory_mb=4000, seconds=600),
    "resample": Step("ricenet.resample"),
    "brain_mask": Step("ricenet.brain_mask"),
    "register": Step("ricenet.register"),
    "align": Step("ricenet.align"),
    "zscore": Step("ricenet.zscore"),
    "total_dose": Step("ricenet.total_dose"),
    "crop": Step("ricenet.crop"),
    "overview": Step("ricenet.overview"),
    "quality": Step("ricenet.quality"),
    "cache": Step("ricenet.cache"),
    "manifest": Step("ricenet.manifest"),
    "train_model": Step("ricenet.train_model"),
    "predict": Step("ricenet.predict"),
    "arrival": Step("ricenet.arrival"),
    "vote": Step("ricenet.vote"),
    "predictions": Step("ricenet.predictions"),
    "evaluate": Step("ricenet.evaluate"),
    "compare": Step("ricenet.compare"),
    "occlusion_map": Step("ricenet.occlusion_map"),
    "occlusion_native": Step("ricenet.occlusion_native"),
    "occlusion_picture": Step("ricenet.occlusion_picture"),
    "occlusion_summary": Step("ricenet.occlusion_summary"),
    "dose_counterfactual": Step("ricenet.dose_counterfactual"),
    "audit": Step("ricenet.audit.collect"),
    "report": Step("ricenet.report"),
}


def code_hash(step: str) -> str:
    """Digest of the code that can change what a step makes."""
    return code_digest.code_hash(STEPS[step].module)
