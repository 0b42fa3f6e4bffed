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
from ricenet.dicom import describe, files, image_type, refusal, series, weighting
from ricenet.dicom.completeness import completeness
from ricenet.dicom.constant_elements import doubtful
from ricenet.dicom.repeats import without_copies
from ricenet.dicom.slices import modality, slices
from ricenet.dicom.stack import arrange, values
from ricenet.image import converted_image
from ricenet.image.volume import Volume
from ricenet.ingest import image_checks


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


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw image, check it, write it with an unambiguous affine."""
    with step.Job("ingest_mri", argv, raw=("raw",), values=("series?", "image?")) as job:
        try:
            volume, facts = read(
                job.args.raw, min_slices=job.settings["min_slices"], wanted=job.args.series
            )
        except ValueError as error:
            for line in refusal.lists_of(error):
                job.say(line)
            raise
        job.facts |= facts
        image_checks.say_what_was_left(job, facts)
        image_checks.check_modality(job, facts, job.args.image)
        image_checks.check_series(job, facts)
        unknown = image_checks.unknown(facts, job.args.image)
        if image_checks.is_mri(facts, job.args.image):
            unknown += image_checks.check_values(job, volume, facts)
        if facts["acquisition"]:
            image_checks.check_weighting(job, weighting.Acquisition(**facts["acquisition"]))
        job.fact("unknown", unknown)
        for name in unknown:
            job.not_checked(name, image_checks.NOT_MADE[name])
        job.save(job.args.out, volume)
