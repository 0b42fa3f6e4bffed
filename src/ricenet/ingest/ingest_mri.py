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
from ricenet.dicom import describe, files, series, weighting
from ricenet.dicom.repeats import without_copies
from ricenet.dicom.slices import modality, slices
from ricenet.dicom.stack import stack
from ricenet.image import converted_image
from ricenet.image.volume import Volume


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
    }
    return volume, facts


def _series(path: Path, min_slices: int, wanted: str) -> tuple[Volume, dict[str, Any]]:
    found, ignored = files.find(path)
    choice = series.choose(found, wanted=wanted, min_slices=min_slices)
    kept = series.without_duplicates(choice.images)
    planes = [plane for file in kept for plane in slices(file)]
    unique = without_copies(planes)
    volume = stack(unique, min_slices=min_slices)
    header, acquired = kept[0].header, weighting.of_series(kept)
    facts = {
        "frame": files.uid_digest(files.text(header, "FrameOfReferenceUID")),
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
    }
    return volume, facts


def check_weighting(job: step.Job, acquired: weighting.Acquisition) -> None:
    """Check that an MR image can be T1-weighted; what its header does not state is logged."""
    advice = "not T1-weighted by its header; look at the image and correct the subject's row"
    if acquired.echo_ms is None:
        job.say("the header has no EchoTime: whether the image is T1-weighted is not checked")
    else:
        limit = weighting.longest_echo_ms(acquired)
        job.check("weighting", acquired.echo_ms, at_most=limit, unit="ms echo", advice=advice)
    longest = weighting.longest_repetition_ms(acquired)
    if longest is not None and acquired.repetition_ms is not None:
        repetition = acquired.repetition_ms
        job.check("repetition-time", repetition, at_most=longest, unit="ms", advice=advice)
    if not acquired.contrast_agent:
        job.say("the header names no contrast agent; make sure that it was given where it should")


def say_what_was_left(job: step.Job, facts: dict[str, Any]) -> None:
    """Log which files and series beside the image were ignored."""
    if facts["ignored_files"] or facts["dropped_duplicates"]:
        job.say(
            f"{facts['ignored_files']} files beside the series ignored, "
            f"{facts['dropped_duplicates']} copies dropped"
        )
    if facts["left_out_series"]:
        job.say(f"series {facts['series']} taken, left out: {'; '.join(facts['left_out_series'])}")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw image, check it, write it with an unambiguous affine."""
    with step.Job("ingest_mri", argv, raw=("raw",), values=("series?",)) as job:
        volume, facts = read(
            job.args.raw, min_slices=job.settings["min_slices"], wanted=job.args.series
        )
        job.facts |= facts
        say_what_was_left(job, facts)
        if facts["acquisition"]:
            check_weighting(job, weighting.Acquisition(**facts["acquisition"]))
        job.save(job.args.out, volume)
