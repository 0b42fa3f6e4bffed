"""Which DICOM objects are images of MR or CT: by storage class and pixel description.

Beside a series, and often under its SeriesInstanceUID, lie objects that are none and yet carry
Modality, Rows and Columns: raw data, spectra, presentation states, reports, parametric maps.
"""

from __future__ import annotations

from collections.abc import Sequence

from ricenet.dicom.files import DicomFile, text

MODALITIES = ("MR", "CT")
STANDARD = "1.2.840.10008."  # PS3.6 annex A: every class of the standard begins so
STORAGE = f"{STANDARD}5.1.4.1.1."
# CT, Enhanced CT, Legacy Converted Enhanced CT; the same of MR, and MR in colour: PS3.4 B.5
IMAGE_CLASSES = tuple(f"{STORAGE}{end}" for end in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4"))
SECONDARY_CAPTURE = f"{STORAGE}7"  # the multi-frame ones end in .1 to .4, PS3.4 B.5
MR_CLASSES, CT_CLASSES = IMAGE_CLASSES[3:], IMAGE_CLASSES[:3]
# Without any of these no program can show a picture (PS3.3 C.7.6.3, type 1)
PIXEL_DESCRIPTION = ("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")


def is_image(file: DicomFile) -> bool:
    """Return whether an object is an MR or CT image, or claims to be one.

    Image storage classes always count, so that a header that broke off is named and not passed
    over. Of others only screen captures and private classes can be images; they count where
    they say that they are MR or CT and describe their pixels.
    """
    known = file.sop_class
    if known in IMAGE_CLASSES:
        return True
    if known.startswith(STANDARD) and not is_screen_capture(file):
        return False
    described = all(text(file.header, keyword) for keyword in PIXEL_DESCRIPTION)
    return described and text(file.header, "Modality") in MODALITIES


def modality(file: DicomFile) -> str:
    """Return ``MR``, ``CT`` or what else the header says.

    The storage class decides where Modality is missing, or OT as after some conversions.
    """
    said = text(file.header, "Modality")
    if said in ("", "OT"):
        if file.sop_class in MR_CLASSES:
            return "MR"
        return "CT" if file.sop_class in CT_CLASSES else said
    return said


def without_companions(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Return the files of a series without screen captures and private objects stored with them.

    They often carry the SeriesInstanceUID of the images that they were made from. Where a series
    holds no object of an image storage class, all its files are returned.
    """
    return [f for f in files if f.sop_class in IMAGE_CLASSES] or list(files)


def is_screen_capture(file: DicomFile) -> bool:
    """Return whether an object is a secondary capture, in one frame or several."""
    return (file.sop_class + ".").startswith(SECONDARY_CAPTURE + ".")
