"""From a DICOM series or a converted file to a native volume; also for the planning CT.

The volume keeps the scanner's voxels and axes: ``(X, Y, Z)`` float32 with an affine to RAS+ mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ricenet import converted_image, step
from ricenet.dicom import files, series
from ricenet.dicom.stack import stack
from ricenet.volume import Volume


def read(path: Path, *, min_slices: int) -> tuple[Volume, dict[str, Any]]:
    """Read an image from wherever it is stored.

    Parameters
    ----------
    path : Path
        Folder with one DICOM series, an enhanced DICOM file, or a NIfTI, MetaImage or NRRD file.
    min_slices : int
        Fewer are not a volume.

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
    if converted_image.is_converted(path):
        volume, facts = _converted(path, min_slices)
    else:
        volume, facts = _series(path, min_slices)
    if not np.isfinite(volume.data).all():
        raise ValueError("voxels are NaN or infinite; export the image again")
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
    # which axis the slices were taken along is not in the file
    facts = {"frame": None, "source": "nifti", "modality": None, "slices": volume.data.shape[2]}
    return volume, facts | {"ignored_files": 0, "dropped_duplicates": 0}


def _series(path: Path, min_slices: int) -> tuple[Volume, dict[str, Any]]:
    found, ignored = files.find(path)
    images = series.one_series(found)
    kept = series.without_duplicates(images)
    planes = [plane for file in kept for plane in series.slices(file)]
    volume = stack(planes, min_slices=min_slices)
    frame = files.text(kept[0].header, "FrameOfReferenceUID")
    facts = {
        "frame": files.uid_digest(frame),
        "source": "dicom",
        "modality": series.modality(kept),
        "slices": len(planes),
        "ignored_files": ignored + len(found) - len(images),
        "dropped_duplicates": len(images) - len(kept),
    }
    return volume, facts


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw image, check it, write it with an affine that nobody can misread."""
    with step.Job("ingest_mri", argv, raw=("raw",), values=("series?",)) as job:
        volume, facts = read(job.args.raw, min_slices=job.settings["min_slices"])
        job.facts |= facts
        if facts["ignored_files"] or facts["dropped_duplicates"]:
            job.say(
                f"{facts['ignored_files']} files beside the series ignored, "
                f"{facts['dropped_duplicates']} copies dropped"
            )
        job.save(job.args.out, volume)


if __name__ == "__main__":
    step.run(main)
