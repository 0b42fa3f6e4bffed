"""A structure set of a planning system: its contours, and their volume by the shoelace formula."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_phantoms import needs
from ricenet.dicom import files
from ricenet.image.volume import LPS_FROM_RAS, Volume
from ricenet.outlines import contours, drawn_on, structure_set


def area_mm2(points: np.ndarray) -> float:
    """Area of a polygon in a plane of constant z."""
    x, y = points[:, 0], points[:, 1]
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


@pytest.mark.parametrize("number, count", [(3, 2), (7, 4), (8, 6), (9, 18), (10, 24)])
def test_volume_is_that_of_the_polygons(number: int, count: int) -> None:
    (file,), _ = files.find(needs("rt/dicompyler") / "rtss.dcm")
    region = next(r for r in structure_set.regions(file) if r.named.number == number)
    found, left_out = structure_set.contours(region, file.label)
    assert (len(found), left_out) == (count, 0)
    points = np.concatenate([c.points for c in found])
    affine = np.diag([0.98, 0.98, 3.0, 1.0])
    affine[:3, 3] = points.min(0) - [10, 10, 6]
    shape = np.ceil((points.max(0) - affine[:3, 3] + 10) / [0.98, 0.98, 3.0]).astype(int)
    grid = Volume(np.zeros((1, 1, 1)), LPS_FROM_RAS @ affine)
    filled = contours.fill([drawn_on.to_voxels(c.points, grid) for c in found], shape)
    volume_mm3 = 3.0 * sum(area_mm2(c.points) for c in found)
    assert filled.share.sum() * 0.98**2 * 3 == pytest.approx(volume_mm3, rel=0.005)
    assert (filled.missing, filled.crossing, filled.inside) == (0, 0, pytest.approx(1))


def test_an_isocentre_is_no_outline() -> None:
    (file,), _ = files.find(needs("rt/pydicom") / "rtstruct.dcm")
    points = [r for r in structure_set.regions(file) if r.named.number > 1]
    for region in points:
        with pytest.raises(ValueError, match="is POINT, which holds no volume"):
            structure_set.contours(region, file.label)
    assert len(points) == 2
