"""Whether a subject's raw images and doses are of one person and in the right order of time.

Reads headers, and the stored pixels of the MRI to find duplicates. Days are counted from the first
MRI channel, the baseline; no date is written (converted images have none). Order in time is one of
visits: the sequences of a visit are of one day, or of one week.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path

import pydicom

from ricenet import step
from ricenet.channels import PLANNING_CT
from ricenet.dicom import dates, files
from ricenet.dicom.dates import Radiotherapy, days_between
from ricenet.dicom.describe import series_code
from ricenet.dicom.files import DicomFile, text
from ricenet.dicom.planes import PIXELS
from ricenet.dicom.storage_classes import is_image
from ricenet.image import converted_image
from ricenet.ingest.order_in_time import check_order
from ricenet.ingest.persons import check_person
from ricenet.ingest.radiotherapy_days import planned_days, radiotherapy
from ricenet.provenance import digests
from ricenet.step import Check, not_made


@dataclass(frozen=True)
class Image:
    """One raw image.

    Attributes
    ----------
    name : str
        Channel, or ``ct``.
    path : Path
        Never shown.
    files : list of DicomFile
        Empty for a converted image.
    day : date or None
        When it was taken. Never shown.
    """

    name: str
    path: Path
    files: list[DicomFile]
    day: date | None

    @property
    def series(self) -> set[str]:
        """UIDs of its series. Never shown."""
        return files.distinct(self.files, "SeriesInstanceUID") - {""}


def read_image(name: str, path: Path, wanted: str) -> Image:
    """Return the headers of an image.

    Of the series with the code ``wanted``, or of all that its path holds.

    Raises
    ------
    ValueError
        No readable DICOM image, or none of that series.
    """
    if converted_image.is_converted(path):
        return Image(name, path, [], None)
    images = [f for f in _found(name, path) if is_image(f)]
    if wanted:
        images = [f for f in images if series_code(text(f.header, "SeriesInstanceUID")) == wanted]
    if not images:
        raise ValueError(
            f"{name}: no image{f' of series {wanted}' if wanted else ''} there; correct the "
            f"subject's row"
        )
    known = [day for f in images if (day := dates.acquired(f.header))]
    return Image(name, path, images, min(known, default=None))


def _found(name: str, path: Path) -> list[DicomFile]:
    try:
        return files.find(path)[0]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def read_doses(names: Sequence[str], paths: Sequence[Path]) -> dict[str, list[DicomFile]]:
    """Return headers of each dose and of plans, records and other objects beside it, no images."""
    return {
        name: []
        if converted_image.is_converted(path)
        else [file for file in _found(name, path) if not is_image(file)]
        for name, path in zip(names, paths, strict=True)
    }


def days(mri: Sequence[Image], therapy: Radiotherapy | None) -> dict[str, int]:
    """Return the days of MRI and radiotherapy after the baseline, as far as both are known."""
    found = {image.name: days_between(mri[0].day, image.day) for image in mri}
    if therapy:
        found["radiotherapy_first"] = days_between(mri[0].day, therapy.first)
        found["radiotherapy_last"] = days_between(mri[0].day, therapy.last)
    return {name: offset for name, offset in found.items() if offset is not None}


def stored_pixels(image: Image) -> set[str]:
    """Return the digests of what may be compared.

    Of each file's pixels as stored, or of the whole volume.

    A plane of one value, as beyond the end of a head, is equal in different scans and left out.
    """
    if not image.files:
        return {digests.volume_digest(converted_image.load(image.path))}
    found = set()
    for file in image.files:
        pixels = _stored(file)
        one_value = pixels[:4] * (len(pixels) // 4 + 1)  # a value has at most 4 bytes
        if pixels != one_value[: len(pixels)]:
            found.add(hashlib.sha256(pixels).hexdigest())
    return found


def _stored(file: DicomFile) -> bytes:
    try:
        data = pydicom.dcmread(file.path, force=True, specific_tags=list(PIXELS))
        return next((data[k].value for k in PIXELS if k in data), b"") or b""
    except Exception as error:
        raise ValueError(
            f"{file.label}: unreadable pixel data ({type(error).__name__}); export it again"
        ) from None


def same_scans(pairs: Sequence[tuple[Image, Image]]) -> list[tuple[str, str]]:
    """Return the pairs of channels that share a series or the pixels of a plane."""
    pixels = {image.name: stored_pixels(image) for pair in pairs for image in pair}
    return [
        (first.name, second.name)
        for first, second in pairs
        if first.series & second.series or pixels[first.name] & pixels[second.name]
    ]


def check_twice(mri: Sequence[Image]) -> list[Check]:
    """Check that no scan is given for two channels."""
    comparable: list[tuple[Image, Image]] = []
    others: list[tuple[Image, Image]] = []
    for pair in combinations(mri, 2):
        (comparable if len({bool(image.files) for image in pair}) == 1 else others).append(pair)
    name, found = "same-scan-twice", []
    if comparable or not others:
        pairs = same_scans(comparable)
        shown = ", ".join(" and ".join(pair) for pair in pairs)
        advice = f"{shown} are the same scan: correct the paths in the subject's row"
        found.append(Check(name, len(pairs), at_most=0, unit="pairs", advice=advice))
    reason = "a DICOM series and a converted image have no stored values in common"
    for first, second in others:
        pair_name = f"{name}-{first.name}-{second.name}" if comparable else name
        found.append(not_made(pair_name, reason))
    return found


def _read(job: step.Job) -> tuple[list[Image], dict[str, list[DicomFile]]]:
    """Return the images and the objects beside each dose, as the command line names them."""
    names, codes, doses = (
        json.loads(text_) for text_ in (job.args.names, job.args.series, job.args.dose_names)
    )
    given: Iterable[tuple[str, Path, str]] = zip(names, job.args.images, codes, strict=True)
    return [read_image(*image) for image in given], read_doses(doses, job.args.doses)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare persons and days of everything that is raw; write a record and nothing else."""
    with step.Job(
        "timeline", argv, outputs=(), raw=("images*", "doses*"),
        values=("names", "dose-names", "series", "visits"),
    ) as job:  # fmt: skip
        images, doses = _read(job)
        mri = [image for image in images if image.name != PLANNING_CT]
        around_doses = [file for found in doses.values() for file in found]
        therapy, course_days = radiotherapy(around_doses), planned_days(around_doses)
        job.fact("days", days(mri, therapy))
        job.fact("source_of_radiotherapy_days", therapy.source if therapy else None)
        by_source = {image.name: image.files for image in images} | doses
        acquired = {image.name: image.day for image in mri}
        found = check_order(acquired, json.loads(job.args.visits), therapy, course_days)
        found += check_person(by_source) + check_twice(mri)
        step.write(job, found)
        job.fact("unknown", [check.name for check in found if check.value is None])
