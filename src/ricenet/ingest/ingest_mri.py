"""From a DICOM series or a converted file to a native volume; also for the planning CT.

The volume keeps the scanner's voxels and axes: ``(X, Y, Z)`` float32 with an affine to RAS+ mm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ricenet import step
from ricenet.channels import ENHANCING
from ricenet.dicom import describe, files, image_type, refusal, series, weighting
from ricenet.dicom.completeness import completeness
from ricenet.dicom.constant_elements import doubtful
from ricenet.dicom.repeats import without_copies
from ricenet.dicom.slices import modality, slices
from ricenet.dicom.stack import arrange, values
from ricenet.image import converted_image
from ricenet.image.volume import Volume
from ricenet.ingest import image_checks
from ricenet.step import Check, not_made


def read(path: Path, *, min_slices: int, wanted: str = "") -> tuple[Volume, dict[str, Any]]:
    """Read an image from wherever it is stored.

    Parameters
    ----------
    path : Path
        Folder with DICOM series, an enhanced DICOM file, or a NIfTI, MetaImage or NRRD file.
    min_slices : int
        Fewer are not a volume.
    wanted : str
        Code of the series that counts; empty where the folder holds one volume.

    Returns
    -------
    Volume
        float32, values of the modality.
    dict
        Facts for the record; no name, date, UID or path among them.

    Raises
    ------
    ValueError
        Not one sound image, with the reason and the remedy.
    """
    if wanted and not re.fullmatch(r"[0-9a-f]{8}", wanted):
        raise ValueError(f"{wanted!r} is not the code of a series: 8 of the digits 0 to 9, a to f")
    if not converted_image.is_converted(path):
        volume, facts = _series(path, min_slices, wanted)
    elif wanted:
        raise ValueError("a converted image has no series; empty the column <image>_series")
    else:
        volume, facts = _converted(path, min_slices)
    bad = int((~np.isfinite(volume.data)).sum())
    if bad:
        raise ValueError(f"{bad} voxels are NaN or infinite; export the image again")
    low, high = float(volume.data.min()), float(volume.data.max())
    if low == high:
        raise ValueError(f"every voxel has the value {low:g}: there is no image; export it again")
    return volume, facts


def _converted(path: Path, min_slices: int) -> tuple[Volume, dict[str, Any]]:
    volume = converted_image.load(path)
    shortest = min(volume.data.shape)
    if shortest < min_slices:
        raise ValueError(
            f"shape {volume.data.shape}: {shortest} slices, at least {min_slices} make a volume"
        )
    facts = {
        "frame": None,
        "study": None,
        "source": "nifti",
        "modality": None,
        "slices": volume.data.shape[2],  # along which axis they were taken is not in the file
        "ignored_files": 0,
        "dropped_duplicates": 0,
        "series": None,
        "left_out_series": [],
        "acquisition": None,
        "contrast_agent": None,
        "image_type": None,
        "completeness": None,
        "doubtful": [],
        "padding_voxels": 0,
        "lossy": None,
    }
    return volume, facts


def _series(path: Path, min_slices: int, wanted: str) -> tuple[Volume, dict[str, Any]]:
    found, ignored = files.find(path)
    choice = series.choose(found, wanted=wanted, min_slices=min_slices)
    kept = series.without_duplicates(choice.images)
    planes = [plane for file in kept for plane in slices(file)]
    unique = without_copies(planes)
    arranged = arrange(unique, min_slices=min_slices)
    data, padding = values(arranged.planes)
    volume = Volume(data, arranged.affine)
    header, acquired = kept[0].header, weighting.of_series(kept)
    complete = completeness(kept, arranged.planes, volume.spacing_mm[2])
    facts = {
        "frame": files.uid_digest(max(files.distinct(kept, "FrameOfReferenceUID"))),
        "study": files.uid_digest(files.text(header, "StudyInstanceUID")),
        "source": "dicom",
        "modality": modality(kept),
        "slices": len(unique),
        "ignored_files": ignored + len(found) - len(choice.images),
        "dropped_duplicates": len(choice.images) - len(kept) + len(planes) - len(unique),
        "series": describe.series_code(files.text(header, "SeriesInstanceUID")),
        "left_out_series": choice.left_out,
        "acquisition": asdict(acquired) if acquired else None,
        "contrast_agent": acquired.contrast_agent if acquired else None,
        "image_type": image_type.words(kept),
        "completeness": asdict(complete),
        "doubtful": doubtful(arranged.planes),
        "padding_voxels": padding,
        "lossy": any(map(files.is_lossy, kept)),
    }
    return volume, facts


def checks_of(
    volume: Volume, facts: dict[str, Any], image: str, sequence: str
) -> tuple[list[Check], list[str]]:
    """Check an image as the channel that its column stands for; also name what is not known.

    Parameters
    ----------
    volume, facts
        From :func:`read`.
    image : str
        Column of the subjects table; empty where it is not known.
    sequence : str
        That of the channel, if it is MRI.

    Raises
    ------
    ValueError
        Padding that no header declares.
    """
    found = image_checks.check_modality(facts, image) + image_checks.check_series(facts)
    unknown = image_checks.unknown(facts, image)
    if image_checks.is_mri(facts, image):
        image_checks.require_declared_padding(volume, facts)
        values = image_checks.check_values(volume, facts)
        unknown += [check.name for check in values if check.value is None]
        found += values
    if facts["acquisition"]:
        acquired = weighting.Acquisition(**facts["acquisition"])
        found += image_checks.check_weighting(acquired, sequence)
    made = {check.name for check in found}
    missing = (name for name in unknown if name not in made)
    return [*found, *(not_made(name, image_checks.NOT_MADE[name]) for name in missing)], unknown


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw image, check it, write it with an unambiguous affine."""
    with step.Job(
        "ingest_mri", argv, raw=("raw",), values=("series?", "image?", "sequence?")
    ) as job:
        try:
            volume, facts = read(
                job.args.raw, min_slices=job.settings["min_slices"], wanted=job.args.series
            )
        except ValueError as error:
            for line in refusal.lists_of(error):
                job.say(line)
            raise
        job.facts |= facts
        sequence = job.args.sequence or ENHANCING
        for line in image_checks.what_was_left(facts, sequence):
            job.say(line)
        found, unknown = checks_of(volume, facts, job.args.image, sequence)
        step.write(job, found)
        job.fact("unknown", unknown)
        job.save(job.args.out, volume)
