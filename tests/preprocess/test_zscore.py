"""zscore: the step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grids import oblique
from ricenet.image.volume import load
from ricenet.preprocess import zscore
from step_run import put, run_step

RNG = np.random.default_rng(4)
MASK = (RNG.random((8, 9, 7)) > 0.4).astype(np.uint8)


def flags(folder: Path, mask_affine) -> dict:
    # far from 0: single precision sums would lose the deviation
    data = (1e4 + RNG.standard_normal(MASK.shape)).astype(np.float32)
    return {
        "image": put(folder / "postop_registered.nii.gz", data, oblique()),
        "mask": put(folder / "event_brain-mask.nii.gz", MASK, mask_affine),
        "out": folder / "postop_zscored.nii.gz",
    }


def test_step(tmp_path: Path) -> None:
    files = flags(tmp_path, oblique())
    record = run_step(zscore.main, tmp_path / "r.json", **files)
    found, image = load(files["out"]).data, load(files["image"]).data
    brain = MASK > 0
    assert not found[~brain].any()
    slope, offset = np.polyfit(image[brain].astype(float), found[brain].astype(float), 1)
    assert 1 / slope == pytest.approx(np.std(image[brain].astype(float)), rel=1e-4)
    assert -offset / slope == pytest.approx(np.mean(image[brain].astype(float)), rel=1e-6)
    assert [c["verdict"] for c in record["checks"]] == ["pass", "pass"]


def test_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    shifted = oblique()
    shifted[0, 3] += 1
    with pytest.raises(ValueError, match="image and brain mask lie on different grids"):
        run_step(zscore.main, tmp_path / "r.json", **flags(tmp_path, shifted))
