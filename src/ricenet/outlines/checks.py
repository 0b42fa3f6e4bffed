"""Checks of an outline on its image, as ``Job.check`` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ricenet.dicom import files
from ricenet.dicom.files import DicomFile, text

WHOLE = 0.98  # of an outline's volume that the image must hold
PLANES_APART_MM = 5.0
ON_ITS_PLANE = 0.6  # slices: contours may lie between the slices, which are not quite even
PERSON = ("PatientID", "PatientBirthDate", "PatientSex")
OF_ORIGIN = ("one-patient", "mask-drawn-on", "mask-planes")  # not all can be made of all outlines
Check = dict[str, Any]


def one_patient(outline: DicomFile, image: Sequence[DicomFile]) -> list[Check]:
    """Check that outline and image name one person; none where one of them names nobody."""
    if not any(text(outline.header, k) and text(f.header, k) for k in PERSON for f in image):
        return []
    differ = files.differing_identity([outline, *image])
    return [
        {
            "name": "one-patient",
            "value": 1 + bool(differ),
            "at_most": 1,
            "unit": "persons",
            "advice": f"{', '.join(differ)} differ between outline and image (values not shown): "
            f"look at the subject's row; pseudonymised exports may do so",
        }
    ]


def drawn_on(share: float) -> Check:
    """Check that all of the outline names images of the series at hand."""
    return {
        "name": "mask-drawn-on",
        "value": share,
        "at_least": 1.0,
        "advice": "share of the outline that names an image of the series it is laid on; an equal "
        "frame of reference is no proof: look whether it fits in the overview picture, or name "
        "the image that it was drawn on in the column <channel>_on",
    }


def planes(slices_apart: float | None) -> list[Check]:
    """Check that the outline lies in the planes of the images that it names, if it names any."""
    if slices_apart is None:
        return []
    return [
        {
            "name": "mask-planes",
            "value": slices_apart,
            "at_most": ON_ITS_PLANE,
            "unit": "slices",
            "advice": "the outline lies beside the images that it names: image or outline was "
            "moved after it was drawn; export both again",
        }
    ]


def inside(share: float) -> Check:
    """Check that the image holds the outline."""
    return {
        "name": "mask-inside-image",
        "value": share,
        "at_least": WHOLE,
        "advice": "the image ends within the outline: what lies beyond is lost",
    }


def apart(distance_mm: float, slice_mm: float) -> Check:
    """Check that contours lie close enough to say what is between them."""
    return {
        "name": "mask-plane-distance",
        "value": distance_mm,
        "at_most": max(PLANES_APART_MM, 1.01 * slice_mm),
        "unit": "mm",
        "advice": "contours lie so far apart that the volume between them is not known: look at "
        "the overview picture, or have them interpolated where they were drawn",
    }


def missing(gaps: int) -> Check:
    """Check that no plane was left out."""
    return {
        "name": "mask-planes-missing",
        "value": gaps,
        "at_most": 0,
        "unit": "gaps",
        "advice": "one or two planes without an outline between planes that have it: if nobody "
        "drew there, complete the outline; a gap stays empty",
    }


def crossing(pairs: int) -> Check:
    """Check that the contours of a plane lie beside or within each other."""
    return {
        "name": "mask-contours-crossing",
        "value": pairs,
        "at_most": 0,
        "unit": "pairs",
        "advice": "contours of one plane cross, or one is there twice: what lies in both counts "
        "as outside (even-odd rule); mend the contours",
    }


def volume(ml: float, at_least: float, at_most: float) -> Check:
    """Check that the outline has a believable size."""
    return {
        "name": "mask-volume",
        "value": ml,
        "at_least": at_least,
        "at_most": at_most,
        "unit": "ml",
        "advice": "look whether it is the outline that is meant in the overview picture, or set "
        "the channel's volume_ml",
    }
