"""cache: the array holds the channels, in order, in the units that training expects."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from grids import oblique
from ricenet.preprocess import cache
from step_run import put, run_step

SETTINGS = {"dose_scaling": "constant", "dose_scale_gy": 60.0}
RNG = np.random.default_rng(9)
SHAPE = (6, 7, 8)
MASK = (RNG.random(SHAPE) > 0.3).astype(np.uint8)
IMAGES = {
    "postop": RNG.standard_normal(SHAPE).astype(np.float32),
    "event": RNG.standard_normal(SHAPE).astype(np.float32) + 1,
    "dose": RNG.uniform(0, 62, SHAPE).astype(np.float32),
}
KINDS = {"postop": "mri", "event": "mri", "dose": "dose"}


def run(
    folder: Path, channels=tuple(IMAGES), settings=SETTINGS, mask_affine=None, **images
) -> dict:
    data = IMAGES | images
    subject = folder / "subjects" / "P1"
    mask_affine = oblique() if mask_affine is None else mask_affine
    gate = subject / "quality.tsv"
    gate.parent.mkdir(parents=True, exist_ok=True)
    gate.write_text("check\tdecision\n")
    (folder / "caches").mkdir(exist_ok=True)
    return run_step(
        cache.main,
        folder / "caches" / "P1.json",
        settings,
        images=[put(subject / f"{c}_cropped.nii.gz", data[c], oblique()) for c in channels],
        mask=put(subject / "brain-mask_cropped.nii.gz", MASK, mask_affine),
        quality=gate,
        channels=json.dumps(list(channels)),
        kinds=json.dumps([KINDS[c] for c in channels]),
        out=folder / "caches" / "P1.npy",
    )


@pytest.mark.parametrize("channels", [("postop", "event", "dose"), ("dose", "event")])
def test_channels_in_order_and_dose_by_60_gy(channels, tmp_path: Path) -> None:
    record = run(tmp_path, channels)
    path = tmp_path / "caches" / "P1.npy"
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    assert array.dtype == np.float16 and array.shape == (len(channels), *SHAPE)
    for place, name in enumerate(channels):
        unit = 60 if name == "dose" else 1
        np.testing.assert_allclose(array[place] * np.float32(unit), IMAGES[name], atol=0.04)
    assert record["outputs"]["out"][0]["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    facts = record["facts"]
    assert facts["channels"] == list(channels) and facts["shape"] == list(SHAPE)
    high = IMAGES["dose"][IMAGES["dose"] > IMAGES["dose"].max() / 2]
    assert facts["dose_near_maximum_gy"] == {
        "dose": pytest.approx(np.quantile(high, 0.999), abs=1e-3)
    }
    np.testing.assert_allclose(facts["affine"], oblique(), atol=1e-5)
    assert all(c["verdict"] == "pass" for c in record["checks"]) and len(record["checks"]) >= 2


def test_half_precision_rounds_by_at_most_half_a_last_place(tmp_path: Path) -> None:
    dose = np.linspace(0, 119.9, np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    run(tmp_path, dose=dose)
    array = np.load(tmp_path / "caches" / "P1.npy").astype(np.float64)
    for place, name in enumerate(("postop", "event")):
        difference = np.abs(array[place] - IMAGES[name])
        assert (difference <= np.abs(IMAGES[name]) / 2048 + 2.0**-25).all()
    assert 0.01 < np.abs(array[2] * 60 - dose).max() <= 60 / 2048 + 1e-4  # Gy


def test_zscored_dose(tmp_path: Path) -> None:
    run(tmp_path, settings=SETTINGS | {"dose_scaling": "zscore"})
    inside = np.load(tmp_path / "caches" / "P1.npy")[2][MASK > 0].astype(float)
    assert inside.mean() == pytest.approx(0, abs=1e-3) and inside.std() == pytest.approx(
        1, abs=1e-3
    )


def test_values_that_half_precision_rounds_are_marked(tmp_path: Path) -> None:
    loud = IMAGES["event"].copy()
    loud[1, 2, 3] = 100.03
    record = run(tmp_path, event=loud)
    verdicts = {c["check"]: c["verdict"] for c in record["checks"]}
    assert verdicts["rounding of event"] == "fail" and verdicts["rounding of postop"] == "pass"


@pytest.mark.filterwarnings("ignore:overflow")
def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rounding of event is inf"):
        run(tmp_path, event=IMAGES["event"] + 1e5)
    assert not list((tmp_path / "caches").iterdir())


def test_another_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"postop_cropped.nii.gz and brain mask"):
        run(tmp_path, mask_affine=np.eye(4))
