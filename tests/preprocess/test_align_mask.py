"""A mask on the reference grid: volume, centre, parts, and what is held."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grids import mapped, oblique, rigid
from ricenet.image import transforms
from ricenet.image.volume import Volume, load, save
from ricenet.preprocess import align_mask

SHAPE = (70, 64, 40)
GRID = (80, 84, 76)
CENTRE = np.array([6.0, -3.0, 10.0])  # RAS mm, in the frame of the moving image
MOTION = rigid((10, -7, 15), (4.0, -6.0, 3.0))  # points of the reference to points of the image


def grid_affine() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 3] = -np.array(GRID) / 2
    return affine


def balls(affine, shape, *places, fine=4) -> np.ndarray:
    """Share of each voxel in one of some balls (centre in RAS mm, radius), by dense sampling."""
    share = np.zeros(shape, np.float32)
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    offsets = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3) @ affine[:3, :3].T
    for centre, radius in places:  # that do not touch
        near = np.linalg.norm(points - centre, axis=-1) < radius + 3
        apart = points[near][:, None] + offsets - centre
        share[near] += ((apart**2).sum(-1) <= radius**2).mean(-1)
    return share


@pytest.fixture
def run(tmp_path):
    """Write a study with these balls in the native image; run the step; the record and mask."""
    brain = balls(grid_affine(), GRID, (np.zeros(3), 30.0), fine=1).astype(np.uint8)
    save(tmp_path / "grid.nii.gz", Volume(np.ones(GRID, np.float32), grid_affine()))
    save(tmp_path / "brain.nii.gz", Volume(brain, grid_affine()))
    transforms.write(tmp_path / "postop_to-event.tfm", transforms.from_matrix_ras(MOTION))

    def made(*places, inside_brain="", **native):
        affine = oblique(native.get("spacing", (0.9, 1.0, 2.0)))
        affine[:3, 3] = CENTRE - affine[:3, :3] @ (np.array(SHAPE) / 2)
        share = balls(affine, SHAPE, *places)
        save(tmp_path / "gtv_native.nii.gz", Volume(share, affine))
        align_mask.main([
            "--image", str(tmp_path / "gtv_native.nii.gz"), "--grid", str(tmp_path / "grid.nii.gz"),
            "--mask", str(tmp_path / "brain.nii.gz"),
            "--transforms", str(tmp_path / "postop_to-event.tfm"),
            "--links", json.dumps([["postop", "event"]]), "--drawn-on", "postop",
            "--reference", "event", f"--inside-brain={inside_brain}",
            "--settings", '{"min_inside_brain": 0.9}',
            "--out", str(tmp_path / "gtv_registered.nii.gz"),
            "--record", str(tmp_path / "gtv_registered.json"),
        ])  # fmt: skip
        record = json.loads((tmp_path / "gtv_registered.json").read_text())
        return record, load(tmp_path / "gtv_registered.nii.gz")

    return made


def failed(record) -> list[str]:
    return [c["check"] for c in record["checks"] if c["verdict"] == "fail"]


def on_reference(point) -> np.ndarray:
    """Where a point of the image lies in the reference: the inverse of what ITK is told."""
    inverse = transforms.from_matrix_ras(np.linalg.inv(MOTION))
    return mapped(inverse, [np.asarray(point)])[0]


def test_volume_place_and_parts_are_those_of_the_object(run):
    beside = np.add(CENTRE, (14, 6, 2))
    record, mask = run((CENTRE, 8.0), (beside, 4.0))
    facts, ml = record["facts"], 4 / 3 * np.pi * (8.0**3 + 4.0**3) / 1000
    assert facts["volume_ml"] == pytest.approx(ml, rel=0.02)
    middle = (8.0**3 * on_reference(CENTRE) + 4.0**3 * on_reference(beside)) / (8.0**3 + 4.0**3)
    np.testing.assert_allclose(facts["centre_ras_mm"], middle, atol=0.1)
    # the brain is a ball about 0, its voxels about -0.0
    np.testing.assert_allclose(facts["centre_from_brain_centre_mm"], middle, atol=0.1)
    assert facts["components"] == 2 and facts["chain"] == ["postop_to-event.tfm"]
    assert failed(record) == [] and mask.data.shape == GRID
    expected = balls(grid_affine(), GRID, (on_reference(CENTRE), 8.0), (on_reference(beside), 4.0))
    assert np.abs(mask.data - expected).mean(where=expected > 0) < 0.15
    both = ((mask.data >= 0.5) & (expected >= 0.5)).sum()
    assert 2 * both / ((mask.data >= 0.5).sum() + (expected >= 0.5).sum()) > 0.93


@pytest.mark.parametrize("radius", [2.3, 3.0])
@pytest.mark.parametrize("spacing", [(0.5, 0.5, 1.0), (1.0, 1.0, 1.0), (0.9, 0.9, 3.0)])
def test_small_lesions_keep_their_volume(run, radius, spacing):
    """0.05 ml, the smallest that passes ``mask-volume``, from fine and coarse voxels."""
    record, _ = run((CENTRE + 0.3, radius), spacing=spacing)
    assert failed(record) == []
    assert record["facts"]["components"] == 1


def test_an_outline_outside_the_brain_is_held(run):
    edge = np.linalg.inv(MOTION) @ [*(CENTRE), 1]
    out = (MOTION @ [*(edge[:3] / np.linalg.norm(edge[:3]) * 29.0), 1])[:3]
    record, _ = run((out, 6.0))
    assert failed(record) == ["mask-inside-brain"]
    assert 0.2 < record["facts"]["share_inside_brain"] < 0.8
    assert failed(run((out, 6.0), inside_brain="0.1")[0]) == []


def test_what_the_reference_cuts_off_is_held(run):
    out = (MOTION @ [0, 0, GRID[2] / 2 - 2, 1])[:3]
    assert "mask-volume-kept" in failed(run((out, 6.0))[0])


def test_nothing_in_the_reference_is_refused(run):
    with pytest.raises(ValueError, match="nothing of the outline on postop"):
        run((np.add(CENTRE, (0, 0, 500)), 6.0))
