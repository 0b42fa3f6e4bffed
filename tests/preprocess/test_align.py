"""align: the step on small files, with transforms whose effect is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from grids import rigid, scipy_sampled
from ricenet.audit import dose_invariants
from ricenet.audit.records import Record
from ricenet.image import transforms
from ricenet.image.volume import Volume, load
from ricenet.preprocess import align
from step_run import put, put_record, run_step

SHAPE, GRID = (14, 12, 10), rigid((5, 0, -10), (-12, -9, 3)) @ np.diag([2.0, 2, 2, 1])
# moving points for points of the fixed image
CT_TO_POSTOP = rigid((3, -4, 8), (4, -2, 1))
POSTOP_TO_EVENT = rigid((-6, 2, 5), (-3, 5, 2))
BRAIN = np.zeros(SHAPE, np.uint8)
BRAIN[3:11, 3:9, 3:8] = 1
NOISE = np.random.default_rng(3).uniform(1, 2, (24, 26, 20)).astype(np.float32)


def write_transform(folder: Path, name: str, matrix) -> Path:
    path = folder / f"{name}.tfm"
    sitk.WriteTransform(transforms.from_matrix_ras(matrix), str(path))
    return path


def subject(folder: Path, channel: str, frame: str | None) -> dict:
    """Files of a subject: the flags of the step."""
    native = rigid((0, 7, 3), (-35, -30, -20)) @ np.diag([2.5, 2.2, 2.8, 1])
    for name in ("postop", "event", "ct"):
        put_record(folder / f"{name}_native.json", frame=f"frame of {name}")
    facts = {"frame": frame, "registrations": [], "ledger": {"parts": [{}]}}
    return {
        "image": put(folder / f"{channel}_native.nii.gz", NOISE, native),
        "image_record": put_record(folder / f"{channel}_native.json", **facts),
        "grid": put(folder / "event_isotropic.nii.gz", np.zeros(SHAPE, np.float32), GRID),
        "mask": put(folder / "event_brain-mask.nii.gz", BRAIN, GRID),
        "channel": channel,
        "reference": "event",
        "out": folder / f"{channel}_registered.nii.gz",
    }


def assert_moved_by(flags: dict, matrix, *, order: int = 1) -> None:
    """Against scipy, where the target lies in the image's view; 0 elsewhere is tested there."""
    native, found = load(flags["image"]), load(flags["out"])
    expected, places = scipy_sampled(Volume(native.data, native.affine), SHAPE, GRID, matrix, order)
    last = np.reshape(native.data.shape, (3, 1, 1, 1)) - 1
    inside = ((places >= 0) & (places <= last)).all(0)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(found.affine, GRID, atol=1e-5)
    np.testing.assert_allclose(
        found.data[inside], np.clip(expected[inside], 0, NOISE.max()), atol=1e-3
    )


def run_align(record: Path, settings: dict | None = None, **flags) -> dict:
    """Run the step; images and links as the names of the files say."""
    images = [path.name.split("_")[0] for path in flags["frames"]]
    links = [path.stem.split("_to-") for path in flags["transforms"]]
    return run_step(
        align.main, record, settings, links=json.dumps(links), frame_images=json.dumps(images),
        **flags,
    )  # fmt: skip


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
def test_mri_follows_its_own_transform(interpolator: str, tmp_path: Path) -> None:
    flags = subject(tmp_path, "postop", "frame of postop")
    flags["transforms"] = [write_transform(tmp_path, "postop_to-event", POSTOP_TO_EVENT)]
    record = run_align(
        tmp_path / "r.json", {"mri_interpolator": interpolator}, kind="mri", frames=[],
        **flags,
    )  # fmt: skip
    assert_moved_by(flags, POSTOP_TO_EVENT, order={"linear": 1, "bspline": 3}[interpolator])
    assert record["facts"]["chain"] == ["postop_to-event.tfm"]
    assert set(record["inputs"]) == {
        "image", "image-record", "grid", "mask", "transforms", "frames",
    }  # fmt: skip


def test_reference_is_only_resampled(tmp_path: Path) -> None:
    flags = subject(tmp_path, "event", "frame of event")
    settings = {"mri_interpolator": "linear"}
    run_align(tmp_path / "r.json", settings, kind="mri", frames=[], transforms=[], **flags)
    assert_moved_by(flags, np.eye(4))


@pytest.mark.parametrize(
    ("frame", "matrix", "chain"),
    [
        (
            "frame of ct",
            CT_TO_POSTOP @ POSTOP_TO_EVENT,
            ["ct_to-postop.tfm", "postop_to-event.tfm"],
        ),
        ("image:ct", CT_TO_POSTOP @ POSTOP_TO_EVENT, ["ct_to-postop.tfm", "postop_to-event.tfm"]),
        ("frame of postop", POSTOP_TO_EVENT, ["postop_to-event.tfm"]),
        ("frame of event", np.eye(4), []),
        ("image:event", np.eye(4), []),
    ],
)
def test_dose_follows_the_image_of_its_frame(frame, matrix, chain, tmp_path: Path) -> None:
    """And is sampled linearly, whatever is set for MRI."""
    flags = subject(tmp_path, "dose", frame)
    flags["transforms"] = [
        write_transform(tmp_path, "postop_to-event", POSTOP_TO_EVENT),
        write_transform(tmp_path, "ct_to-postop", CT_TO_POSTOP),
    ]
    frames = [tmp_path / f"{n}_native.json" for n in ("postop", "event", "ct")]
    record = run_align(
        tmp_path / "r.json", {"mri_interpolator": "bspline"}, kind="dose",
        frames=frames, **flags,
    )  # fmt: skip
    assert record["facts"]["chain"] == chain
    assert_moved_by(flags, matrix)


@pytest.mark.parametrize("frame", ["frame of another study", None])
def test_dose_without_a_common_frame_is_refused(frame, tmp_path: Path) -> None:
    flags = subject(tmp_path, "dose", frame)
    frames = [tmp_path / "postop_native.json", tmp_path / "event_native.json"]
    with pytest.raises(ValueError, match=r"none of \['postop', 'event'\]; give the planning CT"):
        run_align(tmp_path / "r.json", kind="dose", frames=frames, transforms=[], **flags)
    assert not flags["out"].exists()


def test_channel_beyond_the_references_view_is_refused(tmp_path: Path) -> None:
    flags = subject(tmp_path, "postop", None)
    far = [write_transform(tmp_path, "postop_to-event", rigid((0, 0, 0), (500, 0, 0)))]
    with pytest.raises(ValueError, match="it does not overlap the reference's field of view"):
        run_align(
            tmp_path / "r.json", {"mri_interpolator": "linear"}, kind="mri", frames=[],
            transforms=far, **flags,
        )  # fmt: skip


# --- registration objects ------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_dose_follows_a_registration_in_the_right_direction(turned: bool, tmp_path: Path) -> None:
    """A block of dose whose place in the image is known point by point."""
    to_image = rigid((0, 0, 90), (30, -12, 6))  # points of the dose's frame to the event image's
    link = {"from": "plan", "to": "frame of event", "matrix": to_image.tolist()}
    if turned:
        inverse = np.linalg.inv(to_image).tolist()
        link = {"from": "frame of event", "to": "plan", "matrix": inverse}
    flags = subject(tmp_path, "dose", "plan")
    middle = GRID @ [7, 6, 5, 1]
    native = np.diag([2.0, 2, 2, 1])  # so that the middle of the block lands there
    native[:3, 3] = (np.linalg.inv(to_image) @ middle - native @ [21.5, 11, 21, 0])[:3]
    block = np.zeros((40, 40, 40), np.float32)
    block[20:24, 8:15, 20:23] = 50
    put(flags["image"], block, native)
    facts = {"frame": "plan", "registrations": [link], "ledger": {"parts": [{}]}}
    put_record(flags["image_record"], **facts)
    frames = [tmp_path / "event_native.json"]
    record = run_align(tmp_path / "r.json", kind="dose", frames=frames, transforms=[], **flags)
    assert record["facts"]["chain"] == ["registration object to event"]
    found = load(flags["out"])
    expected, _ = scipy_sampled(Volume(block, native), SHAPE, GRID, np.linalg.inv(to_image), 1)
    np.testing.assert_allclose(found.data, expected, atol=1e-3)
    assert found.data.max() > 40
    assert found.data[7, 6, 5] == pytest.approx(50, abs=1e-3)


def test_registration_that_is_not_rigid_is_refused_and_named(tmp_path: Path) -> None:
    flags = subject(tmp_path, "dose", "plan")
    why = "a registration of type AFFINE, not RIGID"
    link = {"from": "plan", "to": "frame of event", "refused": why}
    put_record(flags["image_record"], frame="plan", registrations=[link], ledger={"parts": [{}]})
    with pytest.raises(ValueError, match=r"none of \['event'\] \(a registration of type AFFINE"):
        run_align(
            tmp_path / "r.json", kind="dose", transforms=[],
            frames=[tmp_path / "event_native.json"], **flags,
        )  # fmt: skip


# --- checks of the dose grid, several parts ------------------------------------------------------


def placed(folder: Path, volume: Volume, parts=({},)) -> tuple[dict, Volume]:
    """Align a dose that lies on the reference image; its record and the result."""
    flags = subject(folder, "dose", "image:event")
    put(flags["image"], volume.data, volume.affine)
    facts = {"frame": "image:event", "registrations": [], "ledger": {"parts": list(parts)}}
    put_record(flags["image_record"], **facts)
    record = run_align(
        folder / "r.json", kind="dose", transforms=[],
        frames=[folder / "event_native.json"], **flags,
    )  # fmt: skip
    return record, load(flags["out"], parts=True)


def checks(record: dict) -> dict:
    return {c["check"]: (c["value"], c["verdict"]) for c in record["checks"]}


def cube(low: int, high: int) -> Volume:
    """10 Gy at the reference's own voxels ``low`` to ``high`` of its first axis, 4 mm inside."""
    affine = GRID.copy()
    affine[:3, 3] = (GRID @ [low, 2, 2, 1])[:3]
    return Volume(np.full((high - low, 8, 7), 10, np.float32), affine)


def test_whole_brain_covered_and_integral_kept(tmp_path: Path) -> None:
    record, found = placed(tmp_path, cube(1, 13))
    assert checks(record) == {
        "frames-agree": (None, "not made"),  # a lone image claims the dose
        "dose-coverage": (1.0, "pass"),
        "dose-at-edge": (0.0, "pass"),
        "dose-integral": (pytest.approx(1, abs=1e-4), "pass"),
    }
    assert record["facts"]["brain_covered"] == 1
    assert not found.data[0].any() and not found.data[13].any()  # zero outside the dose grid


def test_dose_that_is_cut_inside_the_brain_is_held_back(tmp_path: Path) -> None:
    """I11: brain from voxel 3 to 10; the grid ends at 8, its dose still at the maximum."""
    record, _ = placed(tmp_path, cube(1, 9))
    assert checks(record)["dose-coverage"] == (0.75, "pass")
    assert checks(record)["dose-at-edge"] == (1.0, "fail")
    assert "dose beyond it is lost" in str(record["checks"])
    record, _ = placed(tmp_path, cube(1, 6))
    assert checks(record)["dose-coverage"] == (0.375, "fail")


def test_dose_that_has_fallen_off_at_the_edge_passes(tmp_path: Path) -> None:
    volume = cube(1, 9)
    volume.data[5:] = 0.9
    assert checks(placed(tmp_path, volume)[0])["dose-at-edge"] == (pytest.approx(0.09), "pass")


def test_integral_is_not_compared_where_the_view_cuts_the_grid(tmp_path: Path) -> None:
    record, _ = placed(tmp_path, cube(1, 16))
    assert checks(record)["dose-integral"] == (None, "not made")
    assert "beyond the reference's field of view" in record["checks"][-1]["reason"]


def test_integral_of_the_part_that_the_view_cuts_is_named_as_not_made(tmp_path: Path) -> None:
    """The audit compares the other part alone, or it would find a fault where there is none."""
    affine = cube(1, 16).affine
    data = np.full((15, 8, 7, 2), 10, np.float32)
    data[12:, ..., 0] = 0
    whole, cut = ({"grid": {"shape": [n, 8, 7], "affine": affine.tolist()}} for n in (12, 15))
    record, _ = placed(tmp_path, Volume(data, affine), (whole, cut))
    made = checks(record)
    assert made["dose-integral"] == (pytest.approx(1, abs=1e-4), "pass")
    assert made["dose-integral-part-2"] == (None, "not made")
    place = tmp_path.relative_to(tmp_path.anchor)
    audited = dose_invariants.of_align(
        Record(f"{place}/r.json", record), lambda name: load(Path("/") / name, parts=True)
    )
    assert {f.check["check"]: f.check["verdict"] for f in audited}["dose-integral"] == "pass"


def test_integral_that_changed_is_marked(tmp_path: Path, monkeypatch) -> None:
    def spoilt(*arguments, **settings) -> Volume:
        moved = align_sample(*arguments, **settings)
        return Volume(moved.data * np.float32(1.03), moved.affine)

    align_sample = align.sample_parts
    monkeypatch.setattr(align, "sample_parts", spoilt)
    assert checks(placed(tmp_path, cube(1, 13))[0])["dose-integral"] == (
        pytest.approx(1.03, abs=1e-3), "fail",
    )  # fmt: skip


def test_parts_are_sampled_one_by_one(tmp_path: Path) -> None:
    """Against each part by itself; the second part's own grid ends inside the brain."""
    data = np.random.default_rng(2).uniform(5, 10, (13, 8, 7, 2)).astype(np.float32)
    data[8:, ..., 1] = 0
    affine = cube(1, 14).affine
    whole = {"grid": {"shape": [13, 8, 7], "affine": affine.tolist()}}
    half = {"grid": {"shape": [8, 8, 7], "affine": affine.tolist()}}
    record, found = placed(tmp_path / "both", Volume(data, affine), (whole, half))
    assert found.data.shape == (*SHAPE, 2)
    for place in (0, 1):
        single = placed(tmp_path / str(place), Volume(data[..., place], affine))[1]
        np.testing.assert_array_equal(found.data[..., place], single.data)
    assert checks(record)["dose-coverage"] == (1.0, "pass")
    assert checks(record)["dose-at-edge"][1] == "fail"


def test_mri_of_several_parts_is_refused(tmp_path: Path) -> None:
    flags = subject(tmp_path, "event", "frame of event")
    put(flags["image"], np.ones((4, 4, 4, 2), np.float32), GRID)
    with pytest.raises(ValueError, match="4 dimensions"):
        run_align(
            tmp_path / "r.json", {"mri_interpolator": "linear"}, kind="mri",
            frames=[], transforms=[], **flags,
        )  # fmt: skip
