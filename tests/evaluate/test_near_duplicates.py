"""near_duplicates: the step on a cohort in which one person has two ids."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from fake_cohort import make_cohort
from ricenet.evaluate import near_duplicates
from step_run import put, run_step

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
SHAPE = (44, 50, 42)


def test_candidates_are_the_nearest_above_the_limit() -> None:
    coarse = np.array([[0, 0.9, 0.7, 0.61], [0.9, 0, 0.2, 0.3], [0.7, 0.2, 0, 0.1],
                       [0.61, 0.3, 0.1, 0]])  # fmt: skip
    assert near_duplicates.candidates(coarse, partners=1) == [(0, 1), (0, 2), (0, 3)]
    assert near_duplicates.candidates(coarse - 0.15, partners=2) == [(0, 1)]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    manifest = make_cohort(folder, train=3, test=1, folds=3)
    subjects = list(pd.read_csv(manifest, sep="\t")["subject"])
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    mask = sum((a / 0.8) ** 2 for a in axes) < 1
    images, masks = [], []
    for i, subject in enumerate(subjects):
        rng = np.random.default_rng(1 if i == 3 else i)  # the test patient is the second one, too
        own = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.3)
        noise = np.random.default_rng(50 + i).normal(size=SHAPE) * 0.1 * own.std()
        moved = np.roll(np.where(mask, own + noise, 0), i, axis=0)
        inside = np.roll(mask, i, axis=0)
        images.append(
            put(folder / subject / "event_cropped.nii.gz", moved.astype(np.float32), AFFINE)
        )
        masks.append(put(folder / subject / "mask.nii.gz", inside.astype(np.uint8), AFFINE))
    return folder, manifest, subjects, images, masks


def run(study, name: str, chosen: slice) -> tuple[dict, pd.DataFrame]:
    folder, manifest, subjects, images, masks = study
    record = run_step(
        near_duplicates.main, folder / f"{name}.json", {"at_most": 0.88, "partners": 1},
        manifest=manifest, subjects=json.dumps(subjects[chosen]), images=images[chosen],
        masks=masks[chosen], out=folder / f"{name}.tsv",
    )  # fmt: skip
    return record, pd.read_csv(folder / f"{name}.tsv", sep="\t")


def test_a_person_in_training_and_test_is_a_failed_check(study) -> None:
    record, table = run(study, "all", slice(None))
    (check,) = record["checks"]
    assert check["verdict"] == "fail" and "s01 and s03" in check["advice"]
    assert record["facts"]["pairs"] == 6
    row = table.iloc[0]
    assert (row["first"], row["second"], row["apart"], row["alike"]) == ("s01", "s03", "yes", "yes")
    assert row["fine"] > 0.95 and (table["fine"].iloc[1:] < 0.88).all()


def test_others_pass_and_one_alone_cannot_be_compared(study) -> None:
    record, table = run(study, "three", slice(0, 3))
    assert record["checks"][0]["verdict"] == "pass" and (table["alike"] == "no").all()
    record, table = run(study, "one", slice(0, 1))
    assert record["checks"][0]["verdict"] == "not made" and table.empty
