"""Which files of a folder are the one image series that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ricenet.dicom import image_type
from ricenet.dicom.describe import count_slices, describe_series, series_code
from ricenet.dicom.files import DicomFile, distinct, require_one_patient, text
from ricenet.dicom.planes import is_grey, matrix, pixels, size
from ricenet.dicom.refusal import refusal, shortened
from ricenet.dicom.slices import slices
from ricenet.dicom.storage_classes import is_image, is_screen_capture, without_companions

REMEDY = "write the 8 digits of the one that counts into the column <image>_series, or leave one"


@dataclass(frozen=True)
class Choice:
    """The series that counts.

    Attributes
    ----------
    images : list of DicomFile
        Its files, copies among them.
    left_out : list of str
        The other series of the folder in words, each with the reason why it does not count.
    """

    images: list[DicomFile]
    left_out: list[str]


def choose(found: Sequence[DicomFile], *, wanted: str, min_slices: int) -> Choice:
    """Find the series that counts; objects that are not images (SR, RTSTRUCT, ...) do not.

    Parameters
    ----------
    found : sequence of DicomFile
        Everything in a folder.
    wanted : str
        Code of the series (``describe.series_code``). Empty: the only one that can be a volume.
    min_slices : int
        Series with fewer slices are not volumes.

    Raises
    ------
    ValueError
        No image, several patients or studies, no or several series that can be meant, or the one
        that is meant is colour, a localiser, has text burned into it, or several frames of
        reference.
    """
    images = [f for f in found if is_image(f)]
    if not images:
        raise ValueError(f"no MR or CT image among {len(found)} DICOM objects; check the path")
    if not wanted:
        for file in images:
            size(file)  # a header that breaks off lacks its patient too: say what is wrong first
        require_one_patient(images, one_study=True)
    by_series: dict[str, list[DicomFile]] = {u: [] for u in sorted({_uid(f) for f in images})}
    for file in images:
        by_series[_uid(file)].append(file)
    by_series = {uid: without_companions(files) for uid, files in by_series.items()}
    uid, left_out = _named(by_series, wanted) if wanted else _only(by_series, min_slices)
    _require_sound(by_series[uid])
    return Choice(by_series[uid], left_out)


def _uid(file: DicomFile) -> str:
    return text(file.header, "SeriesInstanceUID")


def _named(by_series: dict[str, list[DicomFile]], wanted: str) -> tuple[str, list[str]]:
    """Return the UID of the series with a code, and the others."""
    nameless = by_series.get("", [])
    if nameless and len(by_series) > 1:
        size(nameless[0])  # where the header breaks off, that is what to say
        raise ValueError(
            f"{nameless[0].label} does not say which series it belongs to; remove it or repair it"
        )
    for uid in by_series:
        if series_code(uid) == wanted:
            return uid, [f"{series_code(u)}: not the one named" for u in by_series if u != uid]
    there = _listed(by_series.values())
    raise refusal(
        f"no series {wanted} in the folder: {REMEDY}; it holds {shortened(there)}",
        listed=f"series in the folder: {'; '.join(there)}",
    )


def _only(by_series: dict[str, list[DicomFile]], min_slices: int) -> tuple[str, list[str]]:
    """Return the UID of the only series that can be a volume, and why the others cannot."""
    if len(by_series) == 1:
        return next(iter(by_series)), []
    reasons = {uid: _why_no_volume(uid, by_series, min_slices) for uid in by_series}
    left_out = [f"{describe_series(by_series[u])} ({why})" for u, why in reasons.items() if why]
    possible = [uid for uid, why in reasons.items() if not why]
    if not possible:
        left_out.sort()
        raise refusal(
            f"none of the {len(by_series)} series in the folder is a volume, check the path: "
            f"{shortened(left_out)}",
            listed=f"series in the folder: {'; '.join(left_out)}",
        )
    if len(possible) > 1:
        there = _listed([by_series[u] for u in possible])
        raise refusal(
            f"{len(possible)} series that could be meant: {REMEDY}: {shortened(there)}",
            listed=f"series that could be meant: {'; '.join(there)}",
        )
    return possible[0], left_out


def _listed(several: Iterable[Sequence[DicomFile]]) -> list[str]:
    return sorted(describe_series(files) for files in several)


def _why_no_volume(uid: str, by_series: dict[str, list[DicomFile]], min_slices: int) -> str:
    """Return a certain reason why a series is not the volume; empty where it may be."""
    files = by_series[uid]
    if all(_is_localiser(f) for f in files):
        return "localiser"
    if all(is_screen_capture(f) for f in files):
        return "screen capture"
    if not any(is_grey(f) for f in files):
        return "colour"
    if all(_is_burned_in(f) for f in files):
        return "text burned in"
    told = [[sign for sign in image_type.signs_of(f) if sign.certain] for f in files]
    if all(told):
        return told[0][0].in_words
    if _is_survey(files):
        return "survey in several directions"
    others = [f for other, list_ in by_series.items() if other != uid for f in list_]
    # the same planes under another UID may be slices that the volume misses
    if count_slices(files) < min_slices and not {_plane(f) for f in files} & set(
        map(_plane, others)
    ):
        return f"fewer than {min_slices} slices"
    return ""


def _plane(file: DicomFile) -> tuple[object, ...]:
    keywords = ("ImageOrientationPatient", "PixelSpacing")
    return size(file), *(text(file.header, k) for k in keywords)


def _is_localiser(file: DicomFile) -> bool:
    return "LOCALIZER" in text(file.header, "ImageType").upper()


def _is_survey(files: Sequence[DicomFile]) -> bool:
    """Return whether no direction holds most of the slices.

    Philips does not mark its localisers.
    """
    try:
        turned = np.array([plane.orientation for file in files for plane in slices(file)])
    except ValueError:
        return False
    directions = np.unique(turned.round(2), axis=0)  # few, however many planes there are
    alike = [(np.abs(turned - one).max(axis=1) < 0.05).sum() for one in directions]
    return 2 * max(alike) <= len(turned)


def _is_burned_in(file: DicomFile) -> bool:
    return text(file.header, "BurnedInAnnotation").upper() == "YES"


def _require_sound(images: Sequence[DicomFile]) -> None:
    """Refuse a series that is not a volume of one patient in one frame of reference."""
    for file in images:
        matrix(file)
    require_one_patient(images, one_study=True)
    for file in images:
        if _is_localiser(file):
            raise ValueError(f"{file.label} is a localiser, not a volume; give the 3D series")
        if image_type.is_mosaic(file):
            raise ValueError(
                f"{file.label} is {image_type.MOSAIC}; give the series of single slices, or an "
                f"enhanced object"
            )
        if _is_burned_in(file):
            raise ValueError(
                f"{file.label} has text burned into the image (BurnedInAnnotation YES), which may "
                f"name the patient; give the original series"
            )
    frames = len(distinct(images, "FrameOfReferenceUID") - {""})
    if frames > 1:
        raise ValueError(f"the series has {frames} frames of reference; export it again")


def without_duplicates(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Drop repeated copies of an object.

    Raises
    ------
    ValueError
        Two files carry one SOP Instance UID but differ in position or pixels.
    """
    kept: dict[str, DicomFile] = {}
    contents: dict[str, tuple[str, str]] = {}  # of the first of several, read once
    for file in files:
        uid = text(file.header, "SOPInstanceUID") or file.label
        first = kept.setdefault(uid, file)
        if first is file:
            continue
        if uid not in contents:
            contents[uid] = _content(first)
        if contents[uid] != _content(file):
            raise ValueError(
                f"{first.label} and {file.label} carry the same SOP Instance UID but differ; "
                f"find out which one is right"
            )
    return list(kept.values())


def _content(file: DicomFile) -> tuple[str, str]:
    digest = hashlib.sha256(np.ascontiguousarray(pixels(file)).tobytes()).hexdigest()
    return text(file.header, "ImagePositionPatient"), digest
