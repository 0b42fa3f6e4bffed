"""The point of interest, the rows, and the step on files."""

import json

import numpy as np
import pytest
from PIL import Image

from ricenet.channels import KINDS
from ricenet.image.volume import Volume, load, save
from ricenet.pictures.scene import cut
from ricenet.preprocess import overview

SHAPE = (40, 48, 36)
LESION = (28, 14, 20)


def ball(centre, radius):
    grid = np.indices(SHAPE).T.T
    return ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) <= radius**2


@pytest.fixture(scope="module")
def brain():
    return ball((20, 24, 18), 15)


@pytest.fixture(scope="module")
def volumes(brain):
    noise = np.random.default_rng(0).normal(size=(2, *SHAPE)) * 0.2
    postop = np.where(brain, noise[0], 0)
    event = np.where(brain, noise[1] + 3 * ball(LESION, 4), 0)
    dose = np.where(
        brain, 60 * np.exp(-np.linalg.norm(np.indices(SHAPE).T - (15, 30, 18), axis=3).T / 20), 0
    )
    return {"postop": postop.astype("f4"), "event": event.astype("f4"), "dose": dose.astype("f4")}


def test_point_is_the_planted_lesion(volumes, brain):
    point, reason = overview.point_of_interest(
        volumes["event"], volumes["postop"], volumes["dose"], brain, (1, 1, 1)
    )
    assert np.linalg.norm(np.subtract(point, LESION)) <= 1.5
    assert reason == "strongest new enhancement"


def test_a_bright_rim_of_the_mask_is_no_lesion(volumes, brain):
    rim = volumes["event"].copy()
    rim[brain & ~ball((20, 24, 18), 14.5)] = 9
    point, _ = overview.point_of_interest(rim, volumes["postop"], None, brain, (1, 1, 1))
    assert ball((20, 24, 18), 13.9)[point]


def test_uneven_coils_are_no_lesion(volumes, brain):
    across = np.linspace(-3, 3, brain.shape[1])[None, :, None]
    tilted = np.where(brain, volumes["event"] + across, 0)
    point, _ = overview.point_of_interest(tilted, volumes["postop"], None, brain, (1, 1, 1))
    assert np.linalg.norm(np.subtract(point, LESION)) <= 2


def test_point_falls_back_to_dose_and_centre(volumes, brain):
    event, dose = volumes["event"], volumes["dose"]
    point, reason = overview.point_of_interest(event, None, dose, brain, (1, 1, 1))
    assert np.linalg.norm(np.subtract(point, (15, 30, 18))) <= 1.5 and reason == "highest dose"
    point, reason = overview.point_of_interest(event, None, 0 * dose, brain, (1, 1, 1))
    assert point == (20, 24, 18) and reason == "centre of the brain"
    # nothing rises: the dose decides
    assert overview.point_of_interest(event, event, dose, brain, (1, 1, 1))[1] == "highest dose"


@pytest.mark.parametrize(
    "kinds, comparable, titles",
    [
        ({"event": "mri"}, ["event"], ["event"]),
        (
            {"postop": "mri", "event": "mri"},
            ["postop", "event"],
            ["postop", "event", "event | postop", "event − postop"],
        ),
        # of another sequence: edges are compared, brightness is not
        ({"postop": "mri", "event": "mri"}, ["event"], ["postop", "event", "event | postop"]),
        ({"event": "mri", "dose": "dose"}, ["event"], ["event", "dose on event"]),
    ],
)
def test_rows_follow_the_channels(volumes, brain, kinds, comparable, titles):
    scene = cut({n: volumes[n] for n in kinds}, brain, (1, 1, 1), LESION, 3.0)
    mri = cut(
        {n: volumes[n] for n, k in kinds.items() if k == "mri"}, brain, (1, 1, 1), LESION, 3.0
    )
    kinds = {name: KINDS[kind] for name, kind in kinds.items()}
    assert [row.title for row in overview.rows(mri, scene, kinds, "event", comparable)] == titles


def arguments(folder, names, whole, outlines=()):
    kinds = ["dose" if n == "dose" else "mri" for n in names]
    files = {
        n: [str(folder / f"{m}_{n}.nii.gz") for m in names if n == "small" or m != "dose"]
        for n in ("small", "whole")
    }
    return [
        "--subject", folder.name, "--whole", *(files["whole"] if whole else []),
        "--whole-mask", str(folder / "whole-mask.nii.gz"),
        "--images", *files["small"], "--mask", str(folder / "mask.nii.gz"),
        "--channels", json.dumps(names), "--kinds", json.dumps(kinds), "--reference", "event",
        "--comparable", json.dumps(names),
        "--enhancement", json.dumps(names[:2] if "postop" in names else []),
        "--outlines", *(str(folder / f"{n}.nii.gz") for n in outlines),
        "--outline-names", json.dumps(outlines),
        "--out", str(folder / "overview.png"), "--record", str(folder / "overview.json"),
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path, volumes, brain):
    affine = np.eye(4)
    affine[:3, 3] = (-30, 12, 7)
    larger = affine.copy()
    larger[:3, 3] -= 5
    for name, data in volumes.items():
        save(tmp_path / f"{name}_small.nii.gz", Volume(data, affine))
        save(tmp_path / f"{name}_whole.nii.gz", Volume(np.pad(data + 3, 5), larger))
    save(tmp_path / "mask.nii.gz", Volume(brain.astype("u1"), affine))
    save(tmp_path / "whole-mask.nii.gz", Volume(np.pad(brain.astype("u1"), 5), larger))
    return tmp_path


def test_step_writes_the_same_picture_twice(folder):
    names = ["postop", "event", "dose"]
    overview.main(arguments(folder, names, whole=True))
    first = (folder / "overview.png").read_bytes()
    overview.main(arguments(folder, names, whole=True))
    assert (folder / "overview.png").read_bytes() == first
    facts = json.loads((folder / "overview.json").read_text())["facts"]
    np.testing.assert_allclose(facts["point_ras_mm"], np.add(LESION, (-30, 12, 7)), atol=1.5)


def test_step_works_with_one_mri_and_no_whole_head(folder):
    overview.main(arguments(folder, ["event"], whole=False))
    assert Image.open(folder / "overview.png").size[0] == 1240


def test_lesion_is_drawn_at_the_patients_side(folder):
    overview.main(arguments(folder, ["event"], whole=False))
    image = np.asarray(Image.open(folder / "overview.png").convert("L")).astype(float)
    axial = image[40:-30, : image.shape[1] * 10 // 38]
    inside = axial[20:-20, 40:-40]
    row, column = np.unravel_index(
        np.array(
            [[b.mean() for b in np.array_split(a, 8, 1)] for a in np.array_split(inside, 8)]
        ).argmax(),
        (8, 8),
    )
    # no second MRI: the slice passes through the brain's centre, two voxels above the lesion's;
    # the lesion is on the patient's right and back: left and low in the picture
    assert column < 4 and row >= 4


def test_slices_of_a_mask_pass_through_it(brain):
    """A shell's centre is hollow; of two parts the middle is empty."""
    shell = ball((20, 24, 18), 8) & ~ball((20, 24, 18), 5)
    assert shell[overview.mask_point(shell.astype("f4"))]
    parts = ball((12, 24, 18), 3) | ball((30, 24, 18), 2)
    assert parts[overview.mask_point(0.4 * parts.astype("f4"))]


def test_masks_are_drawn_where_they_lie(folder, brain):
    """Pink pixels of the last row: left of the axial picture's middle for a mask on the right."""
    larger = load(folder / "whole-mask.nii.gz").affine
    for name, x in (("gtv", 12), ("ctv", 28)):
        share = np.pad(ball((x, 24, 18), 4).astype("f4"), 5)
        save(folder / f"{name}.nii.gz", Volume(share, larger))
        overview.main(arguments(folder, ["event"], whole=True, outlines=[name]))
        image = np.asarray(Image.open(folder / "overview.png").convert("RGB")).astype(int)
        pink = (image[..., 0] > 150) & (image[..., 1] < 150) & (image[..., 2] > 150)
        axial = pink[-380:, :330]
        columns = np.flatnonzero(axial.any(axis=0))
        assert len(columns) and not pink[:-390, :900].any()
        middle = np.flatnonzero((image[-380:, :330, 0] > 200).any(axis=0)).mean()
        assert (columns.mean() > middle) == (x < 20)  # the patient's left is on the right
