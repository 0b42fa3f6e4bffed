"""From whatever holds an outline to the share of each voxel of its image inside, and the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom import files
from ricenet.dicom.files import DicomFile, text
from ricenet.image import converted_image
from ricenet.image.volume import Volume
from ricenet.outlines import checks, contours, drawn_on, names, segmentation, structure_set
from ricenet.outlines.drawn_on import Part, Source
from ricenet.outlines.grids import on_grid
from ricenet.provenance import digests


@dataclass
class Outline:
    """An outline on its image.

    Attributes
    ----------
    share : (X, Y, Z) float32 array
        Share of each voxel of the image inside, 0 to 1.
    facts : dict
        For the record; no name and no UID.
    checks : list of dict
        Arguments of ``Job.check``.
    """

    share: NDArray
    facts: dict[str, Any]
    checks: list[dict[str, Any]] = field(default_factory=list)


def read(path: Path, image: Volume, source: Source, row: Mapping[str, Any]) -> Outline:
    """Read an outline from wherever it is stored.

    Parameters
    ----------
    path : Path
        Folder with one RTSTRUCT or SEG, such a file, or a NIfTI, MetaImage or NRRD mask.
    image, source
        Native volume and headers of the image that it was drawn on.
    row : mapping
        ``channel``: its name, and of its columns in the subjects table; ``name``, ``values``:
        which outlines, or which values of a converted mask, count.

    Raises
    ------
    ValueError
        Anything that would have to be guessed.
    """
    outline = (
        _converted(path, image, row)
        if converted_image.is_converted(path)
        else _dicom(path, image, source, row)
    )
    if not outline.share.any():
        raise ValueError(
            f"nothing of the outline lies in the image; correct the column {row['channel']} or "
            f"{row['channel']}_on"
        )
    made = {check["name"] for check in outline.checks}
    outline.facts["unknown"] = [name for name in checks.OF_ORIGIN if name not in made]
    return outline


def _dicom(path: Path, image: Volume, source: Source, row: Mapping[str, Any]) -> Outline:
    found, ignored = files.find(path)
    holders = [
        f for f in found if structure_set.is_structure_set(f) or segmentation.is_segmentation(f)
    ]
    holders = list({digests.bytes_digest(f.path): f for f in holders}.values())  # without copies
    if len(holders) != 1:
        raise ValueError(
            f"{len(holders)} RTSTRUCT or SEG among {len(found)} DICOM objects; give the path of "
            f"the one that counts"
        )
    (file,) = holders
    of_kind = _regions if structure_set.is_structure_set(file) else _segments
    outline = of_kind(file, image, source, row)
    outline.facts["ignored_files"] = ignored + len(found) - 1
    outline.checks[:0] = checks.one_patient(file, source.files)
    return outline


def _converted(path: Path, image: Volume, row: Mapping[str, Any]) -> Outline:
    if row.get("name"):
        raise ValueError(
            f"a converted mask has values and no names; empty the column {row['channel']}_name, "
            f"and list the values that count in the channel's values"
        )
    mask = converted_image.load(path)
    found = on_grid(Volume(chosen_values(mask.data, row.get("values") or ()), mask.affine), image)
    facts = {"source": "converted", "outlines": 1, "ignored_files": 0}
    return Outline(found, facts, [checks.missing(contours.missing_slices(found))])


def chosen_values(data: NDArray, values: Sequence[int]) -> NDArray:
    """Return 1 where a mask has one of some values, else 0; float32 array.

    Parameters
    ----------
    data : (X, Y, Z) array
        0 outside; whole numbers.
    values : sequence of int
        Those that count; empty: the only one there is.

    Raises
    ------
    ValueError
        No whole numbers, nothing drawn, or several values and none are named.
    """
    there = np.unique(data)
    if (there != np.rint(there)).any() or there[0] < 0:
        raise ValueError(
            f"the mask's values, {there[0]:.4g} to {there[-1]:.4g}, are not whole numbers from 0, "
            f"as if it had been resampled; give the mask as it was drawn"
        )
    drawn = [int(v) for v in there[there > 0]]
    wanted = list(values) or drawn
    if not set(wanted) & set(drawn):
        raise ValueError(
            f"the mask has none of the values that count: it has {_few(drawn)}; correct the "
            f"channel's values, or empty the subject's cell where there is no outline"
        )
    if not values and len(drawn) > 1:
        raise ValueError(
            f"the mask has the values {_few(drawn)}; list those that count in the channel's values"
        )
    return np.isin(data, wanted).astype(np.float32)


def _few(values: Sequence[int]) -> str:
    shown = ", ".join(str(v) for v in values[:8])
    return (shown or "no value but 0") + (", ..." if len(values) > 8 else "")


def _regions(file: DicomFile, image: Volume, source: Source, row: Mapping[str, Any]) -> Outline:
    listed = structure_set.regions(file)
    regions, empty = ([r for r in listed if bool(r.items) == drawn] for drawn in (True, False))
    places = names.choose(
        [r.named for r in regions], row.get("name", ""), f"{row['channel']}_name",
        empty=[r.named for r in empty],
    )  # fmt: skip
    chosen = [regions[place] for place in places]
    drawn_on.require_own_frame((r.frame for r in chosen), source, column=f"{row['channel']}_on")
    filled, parts, left_out = [], [], 0
    for region in chosen:
        found, copies = structure_set.contours(region, file.label)
        voxels = [drawn_on.to_voxels(c.points, image) for c in found]
        filled.append(contours.fill(voxels, image.data.shape))
        middles = (points.mean(axis=0) for points in voxels)
        parts += [Part(c.instance, place) for c, place in zip(found, middles, strict=True)]
        left_out += copies
    axis = filled[0].axis
    distance, slice_mm = max(f.distance for f in filled), image.spacing_mm[axis]
    facts = {
        "source": "RTSTRUCT", "outlines": len(chosen), "contours": len(parts),
        "contours_left_out": left_out, "plane_distance_mm": round(distance * slice_mm, 4),
    }  # fmt: skip
    found_checks = [
        checks.drawn_on(drawn_on.share_named(parts, structure_set.listed_instances(file), source)),
        *checks.planes(drawn_on.farthest(parts, source, axis)),
        checks.inside(min(f.inside for f in filled)),
        checks.apart(distance * slice_mm, slice_mm),
        checks.missing(sum(f.missing for f in filled)),
        checks.crossing(sum(f.crossing for f in filled)),
    ]
    return Outline(np.max([f.share for f in filled], axis=0), facts, found_checks)


def _segments(file: DicomFile, image: Volume, source: Source, row: Mapping[str, Any]) -> Outline:
    segments = segmentation.segments(file)
    places = names.choose(segments, row.get("name", ""), f"{row['channel']}_name")
    frame = text(file.header, "FrameOfReferenceUID")
    drawn_on.require_own_frame([frame], source, column=f"{row['channel']}_on")
    found = segmentation.frames(file, [segments[place].number for place in places])
    share, inside, parts, axis = segmentation.on_image(found, image, file.label)
    facts = {"source": "SEG", "outlines": len(places), "frames": len(parts)}
    found_checks = [
        checks.drawn_on(drawn_on.share_named(parts, segmentation.listed_instances(file), source)),
        *checks.planes(drawn_on.farthest(parts, source, axis)),
        checks.inside(inside),
        checks.missing(contours.missing_slices(np.moveaxis(share, axis, 2))),
    ]
    return Outline(share, facts, found_checks)
