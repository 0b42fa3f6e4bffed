"""Elements that say how a plane was made: where they lie, and how they may be shown.

A classic image has them at its top level, an enhanced one in functional groups of the frame.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ricenet.dicom.files import text
from ricenet.dicom.slices import Slice, functional_group

# Where an element lies in an enhanced image (PS3.3 C.8.13.5, C.7.6.16.2.2), its name there where
# it is another one, and its unit.
ELEMENTS = {
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime", " ms"),
    "InversionTime": ("MRModifierSequence", "InversionTimes", " ms"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle", " degrees"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue", " s/mm2"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex", ""),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber", ""),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType", ""),
}
# Times of day are part of a person's record: that they differ is shown, not how.
HIDDEN_ELEMENTS = {"AcquisitionTime": ("FrameContentSequence", "FrameAcquisitionDateTime", "")}
# What else must agree over a series; an element without a place in enhanced images is one of the
# whole object there.
FURTHER_ELEMENTS = {
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence", "RepetitionTime", " ms"),
    "ComplexImageComponent": ("MRImageFrameTypeSequence", "ComplexImageComponent", ""),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness", " mm"),
    "EchoNumbers": ("", "", ""),
    "ScanningSequence": ("", "", ""),
    "SequenceVariant": ("", "", ""),
    "MagneticFieldStrength": ("", "", " T"),
    "KVP": ("", "", " kV"),
    "PatientPosition": ("", "", ""),
    "Modality": ("", "", ""),
    "SeriesNumber": ("", "", ""),
    "PixelBandwidth": ("", "", " Hz"),
    "TriggerTime": ("", "", " ms"),
    "NumberOfTemporalPositions": ("", "", ""),
    "RescaleType": ("PixelValueTransformationSequence", "RescaleType", ""),
}
ALL = ELEMENTS | HIDDEN_ELEMENTS | FURTHER_ELEMENTS
# Values of ImageType (PS3.3 C.8.3.1.1.1, C.8.13.3.1.1, and what Siemens, Philips and GE add)
KNOWN_TYPES = """
    ORIGINAL DERIVED PRIMARY SECONDARY M P R I PHASE MAGNITUDE REAL IMAGINARY MIXED MPR OTHER NONE
    ND NORM DIS2D DIS3D M_FFE P_FFE R_FFE I_FFE M_SE M_IR SE FFE IR T1 T2 ADC TRACEW FA W F IP OP
    WATER FAT IN_PHASE OUT_PHASE OPP_PHASE UNI ADD MOSAIC MINIP MAXIP PROJECTION IMAGE SUBTRACTION
"""
IMAGE_TYPES = frozenset(KNOWN_TYPES.split())
# Values of a fixed vocabulary, which identify nobody
CODES = re.compile(
    r"GR|EP|RM|S[EKPS]|IR|MTC|TRSS|MP|OSP|NONE|MAGNITUDE|PHASE|REAL|IMAGINARY|MIXED|MR|CT|HU|US"
)
POSITIONS = re.compile(r"[HF]F(P|S|DR|DL)")


def as_number(value: str) -> float:
    """Return the number that a text is; infinity where it is none."""
    try:
        return float(value)
    except ValueError:
        return np.inf


def by_number(value: str) -> tuple[float, str]:
    """Return the key that sorts values: numbers first, by size."""
    return as_number(value), value


def raw_value(plane: Slice, keyword: str) -> str:
    """Return the value of an element of a plane as text, empty where it is missing.

    Never shown: see :func:`shown_value`.
    """
    sequence, name, _ = ALL[keyword]
    header: Any = plane.file.header
    if sequence and "PerFrameFunctionalGroupsSequence" in header:
        return text(functional_group(plane.file, plane.frame, sequence), name)
    return text(header, keyword)


def shown_value(plane: Slice, keyword: str) -> str:
    """Return the value of an element of a plane as it may be shown; ``none`` for anything else."""
    value = raw_value(plane, keyword)
    if keyword == "ImageType":
        values = re.findall(r"\w+", value)
        return "\\".join(v if v in IMAGE_TYPES else "…" for v in values) or "none"
    if keyword in HIDDEN_ELEMENTS:
        return value
    codes = re.findall(r"\w+", value)
    coded = POSITIONS if keyword == "PatientPosition" else CODES
    if codes and all(coded.fullmatch(code) for code in codes):
        return "\\".join(codes)
    return value if as_number(value) != np.inf else "none"


def unit_of(keyword: str) -> str:
    """Return the unit of an element as it follows a number."""
    return ALL[keyword][2]
