"""resample: the step on an anisotropic, oblique image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grids import oblique, scipy_sampled
from ricenet.image.volume import Volume, load
from ricenet.preprocess import resample
from step_run import put, run_step


def test_step_makes_isotropic_voxels_at_the_same_place(tmp_path: Path) -> None:
    data = np.random.default_rng(1).uniform(5, 9, (16, 14, 9)).astype(np.float32)
    native = put(tmp_path / "s" / "event_native.nii.gz", data, oblique())
    out, settings = tmp_path / "s" / "event_isotropic.nii.gz", {"spacing_mm": 1.0}
    record = run_step(
        resample.main, tmp_path / "s" / "r.json", settings | {"interpolator": "linear"},
        image=native, out=out,
    )  # fmt: skip
    found = load(out)
    np.testing.assert_allclose(found.spacing_mm, 1, atol=1e-5)
    entry = record["outputs"]["out"][0]
    assert entry["spacing_mm"] == [1, 1, 1] and entry["shape"] == list(found.data.shape)
    expected, places = scipy_sampled(
        Volume(data, oblique()), found.data.shape, found.affine, np.eye(4), 1
    )
    inside = ((places >= 0) & (places <= np.reshape(data.shape, (3, 1, 1, 1)) - 1)).all(0)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(found.data[inside], expected[inside], atol=1e-3)
