"""Which DICOM objects are images of MR or CT: by storage class and pixel description.

Beside a series, and often under its SeriesInstanceUID, lie objects that are none and yet carry
Modality, Rows and Columns: raw data, spectra, presentation states, reports, parametric maps.
"""

from __future__ import annotations

from ricenet.dicom.files import DicomFile, text

MODALITIES = ("MR", "CT")
STANDARD = "1.2.840.10008."  # PS3.6 annex A: every class of the standard begins so
STORAGE = f"{STANDARD}5.1.4.1.1."
# CT, Enhanced CT, Legacy Converted Enhanced CT; the same of MR, and MR in colour: PS3.4 B.5
IMAGE_CLASSES = tuple(f"{STORAGE}{end}" for end in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4"))
SECONDARY_CAPTURE = f"{STORAGE}7"  # the multi-frame ones end in .1 to .4, PS3.4 B.5
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


def is_screen_capture(file: DicomFile) -> bool:
    """Return whether an object is a secondary capture, in one frame or several."""
    return (file.sop_class + ".").startswith(SECONDARY_CAPTURE + ".")
