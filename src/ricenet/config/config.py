"""The configuration: its sections together, nothing unknown is accepted.

Imports pydantic and yaml only, so that the Snakefile can read it in no time. Defaults live in
``config/config.yaml`` alone; a field without a value there is an error here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from ricenet import channels, normalisations
from ricenet.channels import PLANNING_CT
from ricenet.config import messages, yaml_limits
from ricenet.config.cohort import Manifest
from ricenet.config.controls import ControlManifest, ControlMetrics, Controls
from ricenet.config.evaluate import (
    Calibrate,
    Compare,
    DescribeCohort,
    Evaluate,
    NearDuplicates,
    NotePlan,
    OpenTestSet,
    ProbeFeatures,
    Probes,
)
from ricenet.config.explain import (
    DoseCounterfactual,
    OcclusionCubes,
    OcclusionMap,
    OcclusionNative,
    OcclusionPicture,
    OcclusionStatistics,
    OcclusionSummary,
)
from ricenet.config.ingest import IngestDose, IngestMask, IngestMri, Timeline
from ricenet.config.predict import Arrival, Predict, Predictions, Vote
from ricenet.config.preprocess import (
    Align,
    AlignMask,
    BrainMask,
    Cache,
    Crop,
    Overview,
    Quality,
    Register,
    Resample,
    TotalDose,
    Zscore,
)
from ricenet.config.report import Audit, Report
from ricenet.config.section import Channel, Name, Section
from ricenet.config.train import TrainModel

TABLE_COLUMNS = frozenset({"subject", "label", PLANNING_CT, "fractions", "histology"})


class Config(Section):
    """The whole configuration of a study."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]
    results: str = Field(description="folder that holds the study's folder")
    subjects: str = Field(description="table of subjects")
    cohort: str = Field(description="frozen cohort file: subject, split, fold")
    overrides: str = Field(description="table of decisions about checks and subjects")
    accepted_code: str = Field(description="table of older code whose results stay valid")
    analysis_plan: str | None = Field(
        description="file of the analysis plan; without one the test set is locked"
    )
    mixed_histology: Literal["declare", "exclude"] = Field(
        description="whether patients with a mixed histology stay, and the report says how many"
    )
    channels: Annotated[list[Channel], Field(min_length=1)]
    reference: Name = Field(description="MRI channel whose grid all others are brought to")
    dose_anchor: Name = Field(description="MRI channel that the planning CT is registered to")
    input_combinations: Literal["all"] | list[str] = Field(
        description="subsets of the channels that are trained, by name"
    )
    max_trainings: PositiveInt = Field(description="a study that needs more of them is refused")
    ingest_mri: IngestMri
    ingest_dose: IngestDose
    ingest_mask: IngestMask
    timeline: Timeline
    resample: Resample
    registration: Register = Field(alias="register")
    align: Align
    align_mask: AlignMask
    brain_mask: BrainMask
    zscore: Zscore
    total_dose: TotalDose
    crop: Crop
    quality: Quality
    cache: Cache
    manifest: Manifest
    train_model: TrainModel
    predict: Predict
    arrival: Arrival
    vote: Vote
    predictions: Predictions
    open_test_set: OpenTestSet
    note_plan: NotePlan
    evaluate: Evaluate
    calibrate: Calibrate
    probe_features: ProbeFeatures
    probes: Probes
    describe_cohort: DescribeCohort
    near_duplicates: NearDuplicates
    compare: Compare
    controls: Controls
    control_manifest: ControlManifest
    control_metrics: ControlMetrics
    occlusion_map: OcclusionMap
    occlusion_cubes: OcclusionCubes
    occlusion_statistics: OcclusionStatistics
    occlusion_native: OcclusionNative
    occlusion_picture: OcclusionPicture
    dose_counterfactual: DoseCounterfactual
    occlusion_summary: OcclusionSummary
    overview: Overview
    audit: Audit
    report: Report

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        names = [c.name for c in self.channels]
        mri = [c.name for c in channels.scans(self.channels)]
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise ValueError(f"channels: {repeated} named more than once")
        taken = sorted(TABLE_COLUMNS.intersection(names))
        if taken:
            raise ValueError(
                f"channels: {taken} are other columns of the subjects table; choose other names"
            )
        if faults := channels.faults(self.channels):
            raise ValueError(f"channels: {'; '.join(faults)}")
        if self.reference not in mri:
            raise ValueError(f"reference: {self.reference!r} is not an MRI channel ({mri})")
        self._require_anchor(mri)
        for mask in self.masks:
            if mask.of not in (*mri, PLANNING_CT):
                raise ValueError(
                    f"channels: {mask.name!r} is of {mask.of!r}, which is neither an MRI channel "
                    f"({mri}) nor {PLANNING_CT}"
                )
        return self

    def _require_anchor(self, mri: Sequence[str]) -> None:
        """Refuse a planning CT that would have to be registered to an image without brain mask."""
        if not any(c.row.in_gy for c in self.channels):
            return
        if self.dose_anchor not in mri:
            raise ValueError(f"dose_anchor: {self.dose_anchor!r} is not an MRI channel ({mri})")
        possible = channels.masked(self.channels, self.reference)
        if self.dose_anchor not in possible:
            raise ValueError(
                f"dose_anchor: {self.dose_anchor!r} is of another sequence than the reference, so "
                f"that it has no brain mask to check the planning CT with; name one of {possible}"
            )

    @property
    def inputs(self) -> list[Channel]:
        """Channels that the networks get; a mask is prepared and shown, and is not one of them."""
        return [channel for channel in self.channels if channel.row.is_input]

    @property
    def masks(self) -> list[Channel]:
        """Channels that a subject may lack: outlines to look at and to measure."""
        return [channel for channel in self.channels if not channel.row.is_input]


def validate(values: dict[str, Any], files: Sequence[Path] = ()) -> Config:
    """Check a configuration.

    Parameters
    ----------
    files : sequence of path
        Settings files that were merged into it, for the messages.

    Raises
    ------
    ValueError
        One line for each wrong key, with its file, its place, its value and what was expected; or
        a configuration too large to be one.
    """
    yaml_limits.require_small(values)  # first: whatever shows a value walks all of it
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = messages.of(error, Config, messages.read(files))
        raise ValueError("\n  ".join(["the configuration is not usable:", *lines])) from None


def warnings(config: Config) -> list[str]:
    """Return the choices that are allowed but probably not intended."""
    found = []
    if config.cache.dose_scaling == "zscore":
        found.append(
            "cache.dose_scaling is zscore: a z-score of each dose volume cancels the "
            "multiplication by the number of fractions exactly, (kx - k mean)/(k sd) = "
            "(x - mean)/sd, and with it the height of the dose. Use 'constant' unless that is "
            "intended."
        )
    return found + normalisations.cautions(config.zscore.method)


def json_text(section: Section | dict[str, Any] | Sequence[Any]) -> str:
    """Return a section, or values passed to a step, as sorted JSON text: equal give equal."""
    values = section.model_dump(mode="json") if isinstance(section, Section) else section
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
