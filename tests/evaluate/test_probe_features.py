"""probe_features: the step on small volumes and records."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from probe_records import records
from ricenet.evaluate import probe_features
from step_run import put, run_step

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def test_the_step_writes_one_row_a_feature(tmp_path) -> None:
    paths = []
    for name, content in records(0, np.random.default_rng(0), shortcut=False).items():
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(content))
    quality = tmp_path / "quality.tsv"
    quality.write_text("check\tvalue\tunit\nct_to-event/head-overlap\t0.97\t\ncrop/lost\t\tml\n")
    brain = np.zeros((12, 12, 12), np.uint8)
    brain[2:10, 2:10, 2:10] = 1
    mask = put(tmp_path / "mask.nii.gz", brain, AFFINE)
    dose = put(
        tmp_path / "dose_total.nii.gz", brain * np.linspace(10, 60, 12, dtype=np.float32), AFFINE
    )
    gtv = put(tmp_path / "gtv.nii.gz", (brain * (np.arange(12) < 5)).astype(np.float32), AFFINE)
    rng = np.random.default_rng(1)
    image = put(tmp_path / "mri.nii.gz", rng.normal(size=brain.shape).astype(np.float32), AFFINE)
    flags = {
        "subject": "P001", "mri": '["event"]', "dose": '["dose"]', "outline_names": '["gtv"]',
        "records": paths, "quality": quality, "mask": mask, "image": image, "doses": [dose],
        "outlines": [gtv], "out": tmp_path / "features.tsv",
    }  # fmt: skip
    record = run_step(probe_features.main, tmp_path / "features.json", **flags)
    table = pd.read_csv(tmp_path / "features.tsv", sep="\t").set_index("feature")
    assert list(table.columns) == ["group", "value", "unit"] and table.index.is_unique
    assert table.loc["brain_ml", "value"] == pytest.approx(512 * 0.008)
    assert table.loc["ct_to-event/head-overlap", "value"] == 0.97
    first_order = table.loc["dose_in_gtv_mean", "value"]
    assert table.loc["dose_in_gtv_mean_gy", "value"] == pytest.approx(first_order)
    assert table.loc["mri_in_gtv_energy", "value"] > 0 < table.loc["gtv_sphericity", "value"] < 1
    assert np.isnan(table.loc["crop/lost", "value"])
    assert record["facts"]["missing"] == table["value"].isna().sum() == 2
    other = put(tmp_path / "elsewhere.nii.gz", brain.astype(np.float32), 3 * AFFINE)
    with pytest.raises(ValueError, match="brain mask and dose"):
        run_step(probe_features.main, tmp_path / "x.json", **{**flags, "doses": [other]})
