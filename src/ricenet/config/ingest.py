"""Settings of the steps in ``ingest.smk``."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from ricenet.config.section import Section


class IngestMri(Section):
    """From a DICOM series or a NIfTI file to a native volume."""

    min_slices: PositiveInt = Field(description="fewer slices than this are not a volume")


class IngestDose(Section):
    """From RTDOSE and RTPLAN, or a NIfTI file, to Gy."""

    min_fractions: PositiveInt = Field(description="fewest fractions that are plausible")
    max_fractions: PositiveInt = Field(description="most fractions that are plausible")
    max_total_gy: PositiveFloat = Field(description="a higher course maximum is refused, Gy")
    min_fraction_gy: PositiveFloat = Field(
        description="near-maximum of the course over its fractions: a lower one is held, Gy"
    )
    max_fraction_gy: PositiveFloat = Field(
        description="without a prescription, a higher one is held; with one, a lower course is, Gy"
    )
    min_course_gy: PositiveFloat = Field(
        description="without a prescription, a course of a lower near-maximum is held, Gy"
    )


class IngestMask(Section):
    """From RTSTRUCT, SEG or a converted mask to the voxels of the image it was drawn on."""

    min_volume_ml: PositiveFloat = Field(description="a smaller outline fails the check")
    max_volume_ml: PositiveFloat = Field(description="a larger outline fails the check")


class Timeline(Section):
    """Identity and order in time of a subject's raw data."""
