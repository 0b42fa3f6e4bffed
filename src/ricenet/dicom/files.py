"""Finding DICOM files and reading their headers, without showing what identifies a person.

Messages name a file by its place in name order, because file names and header values may identify
a person. pydicom's own messages quote them and are therefore never passed on.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import filereader
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from ricenet.provenance import raw_files

LOSSY_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)  # JPEG 2000 may be
DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
# pydicom warns with header values and paths in the text; neither may reach a log
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module="pydicom")


@dataclass(frozen=True)
class DicomFile:
    """One DICOM object.

    Attributes
    ----------
    path : Path
        Never shown.
    label : str
        What messages call it, for example ``file 12 of 35 in name order``.
    header : Dataset
        Everything before the pixel data.
    """

    path: Path
    label: str
    header: pydicom.Dataset

    @property
    def sop_class(self) -> str:
        """SOP Class UID, from the file meta group where the object itself lacks it."""
        meta = getattr(self.header, "file_meta", {})
        return text(self.header, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")


def find(path: Path) -> tuple[list[DicomFile], int]:
    """Return the headers of a DICOM file, or of all DICOM files below a folder.

    Returns
    -------
    list of DicomFile
        In name order.
    int
        Number of other files, which are ignored.

    Raises
    ------
    ValueError
        A DICOM file whose header cannot be read, or no DICOM file at all.
    """
    paths = raw_files.listed(path)
    found = []
    for number, file in enumerate(paths, start=1):
        label = f"file {number} of {len(paths)} in name order"
        header = read_header(file, label)
        if header is not None:
            found.append(DicomFile(file, label, header))
    if not found:
        raise ValueError(
            f"no DICOM object among {len(paths)} files; give the folder of one series, or the "
            f"path of a NIfTI file itself"
        )
    return found, len(paths) - len(found)


def read_header(path: Path, label: str) -> pydicom.Dataset | None:
    """Return the header of a file, None where it is not DICOM (PS3.10 section 7.1.

    Preamble, ``DICM``).

    Raises
    ------
    ValueError
        DICOM by its mark or its name, but not readable; or deflated.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise ValueError(f"{label} cannot be opened ({_kind(error)}); check its rights") from None
    marked = start[128:] == b"DICM"
    if not marked and not _plausible(start):
        if path.suffix.lower() in DICOM_SUFFIXES and not path.name.startswith("."):
            raise ValueError(
                f"{label} is named like DICOM but is not ({path.stat().st_size} bytes); export it "
                f"again, or remove it if it does not belong to the series"
            )
        return None
    try:
        _refuse_deflated(path, label)
        header = pydicom.dcmread(path, force=not marked, stop_before_pixels=True)
    except Exception as error:
        reraise_own(error, label)
        raise ValueError(f"{label}: unreadable header ({_kind(error)}); export it again") from None
    if DicomFile(path, label, header).sop_class:
        return header
    if marked:
        raise ValueError(f"{label}: unreadable header (no SOP class); export it again")
    return None


def _plausible(start: bytes) -> bool:
    """Return whether bytes begin as a data set without preamble does: group 0002 or 0008."""
    return start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08") and len(start) == 132


def _refuse_deflated(path: Path, label: str) -> None:
    # pydicom inflates the whole file before it reads a tag, so that a small file can fill memory.
    # These two functions are what dcmread itself begins with, mark or not: they cannot disagree.
    with path.open("rb") as file:
        filereader.read_preamble(file, force=True)
        meta = filereader._read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise ValueError(f"{label}: deflated transfer syntax is not supported; export uncompressed")


def reraise_own(error: BaseException, label: str) -> None:
    """Raise again this package's own errors about a file, and those meant to end the program."""
    own = isinstance(error, ValueError) and str(error).startswith(label)
    if own or isinstance(error, KeyboardInterrupt | SystemExit):
        raise error


def _kind(error: BaseException) -> str:
    return type(error).__name__


def text(header: Any, keyword: str) -> str:
    """Return the value of an element as text, empty where it is missing or unreadable."""
    try:
        value = header.get(keyword)
        return "" if value is None else str(value).strip()
    except Exception:  # a damaged element; the code that needs it reports it
        return ""


def numbers(header: Any, keyword: str, label: str, *, count: int | None = None) -> NDArray:
    """Return the numeric value of an element.

    Parameters
    ----------
    count : int or None
        Length it must have; None for any.

    Returns
    -------
    (count,) float array

    Raises
    ------
    ValueError
        Missing, not numbers, not finite, or of another length.
    """
    try:
        value = header.get(keyword)
        found = np.atleast_1d(np.asarray([] if value is None else value, dtype=np.float64))
    except Exception:
        raise ValueError(f"{label}: {keyword} is not readable; repair or export again") from None
    if found.size == 0 or (count is not None and found.size != count):
        raise ValueError(
            f"{label}: {keyword} has {found.size} values, {count or 'some'} expected; without it "
            f"the image cannot be placed or scaled; export it again"
        )
    if not np.isfinite(found).all():
        raise ValueError(f"{label}: {keyword} is not finite; export it again")
    return found


def number(header: Any, keyword: str, label: str, *, default: float) -> float:
    """Return one number; ``default`` where the element is missing or empty."""
    if keyword not in header or text(header, keyword) == "":
        return default
    return float(numbers(header, keyword, label, count=1)[0])


def is_lossy(file: DicomFile) -> bool:
    """Return whether an image says that it was ever compressed with loss (PS3.3 C.7.6.1.1.5)."""
    syntax = text(getattr(file.header, "file_meta", {}), "TransferSyntaxUID")
    return text(file.header, "LossyImageCompression") == "01" or syntax in LOSSY_SYNTAXES


def uid_digest(uid: str) -> str | None:
    """Return a stand-in for a UID that cannot be traced to it by eye.

    16 hex digits; None where empty.
    """
    return hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else None


def distinct(files: Iterable[DicomFile], keyword: str) -> set[str]:
    """Return the values that an element takes among files; empty text where it is missing."""
    return {text(f.header, keyword) for f in files}


def differing_identity(files: Sequence[DicomFile]) -> list[str]:
    """List the elements that identify a patient and differ among files.

    Birth date and sex may be missing in some objects, as planning systems drop them.
    """
    counts = {"PatientID": len(distinct(files, "PatientID"))}
    counts |= {k: len(distinct(files, k) - {""}) for k in ("PatientBirthDate", "PatientSex")}
    return [keyword for keyword, count in counts.items() if count > 1]


def require_one_patient(files: Sequence[DicomFile], *, one_study: bool) -> None:
    """Raise ``ValueError`` where a folder holds objects of several patients (or studies)."""
    differ = differing_identity(files)
    if differ:
        raise ValueError(
            f"the folder holds objects of several patients: {', '.join(differ)} differ among "
            f"{len(files)} files (values not shown); separate them"
        )
    studies = len(distinct(files, "StudyInstanceUID"))
    if one_study and studies > 1:
        raise ValueError(
            f"the folder holds images of {studies} studies under one patient; separate them"
        )
