"""align: the step on small files, with transforms whose effect is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ricenet import align, transforms
from ricenet.align import image_of_dose, path_to_reference
from ricenet.volume import Volume, load
from step_run import put, put_record, run_step
from test_interpolation import rigid, scipy_sampled

SHAPE, GRID = (14, 12, 10), rigid((5, 0, -10), (-12, -9, 3)) @ np.diag([2.0, 2, 2, 1])
# moving points for points of the fixed image
CT_TO_POSTOP = rigid((3, -4, 8), (4, -2, 1))
POSTOP_TO_EVENT = rigid((-6, 2, 5), (-3, 5, 2))
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
    return {
        "image": put(folder / f"{channel}_native.nii.gz", NOISE, native),
        "image_record": put_record(folder / f"{channel}_native.json", frame=frame),
        "grid": put(folder / "event_isotropic.nii.gz", np.zeros(SHAPE, np.float32), GRID),
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


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
def test_mri_follows_its_own_transform(interpolator: str, tmp_path: Path) -> None:
    flags = subject(tmp_path, "postop", "frame of postop")
    flags["transforms"] = [write_transform(tmp_path, "postop_to-event", POSTOP_TO_EVENT)]
    record = run_step(
        align.main, tmp_path / "r.json", {"mri_interpolator": interpolator}, kind="mri", frames=[],
        **flags,
    )  # fmt: skip
    assert_moved_by(flags, POSTOP_TO_EVENT, order={"linear": 1, "bspline": 3}[interpolator])
    assert record["facts"]["chain"] == ["postop_to-event.tfm"]
    assert set(record["inputs"]) == {"image", "image-record", "grid", "transforms", "frames"}


def test_reference_is_only_resampled(tmp_path: Path) -> None:
    flags = subject(tmp_path, "event", "frame of event")
    settings = {"mri_interpolator": "linear"}
    run_step(
        align.main, tmp_path / "r.json", settings, kind="mri", frames=[], transforms=[], **flags
    )
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
    record = run_step(
        align.main, tmp_path / "r.json", {"mri_interpolator": "bspline"}, kind="dose",
        frames=frames, **flags,
    )  # fmt: skip
    assert record["facts"]["chain"] == chain
    assert_moved_by(flags, matrix)


@pytest.mark.parametrize("frame", ["frame of another study", None])
def test_dose_without_a_common_frame_is_refused(frame, tmp_path: Path) -> None:
    flags = subject(tmp_path, "dose", frame)
    frames = [tmp_path / "postop_native.json", tmp_path / "event_native.json"]
    with pytest.raises(ValueError, match=r"none of \['postop', 'event'\]; give the planning CT"):
        run_step(
            align.main, tmp_path / "r.json", kind="dose", frames=frames, transforms=[], **flags
        )
    assert not flags["out"].exists()


def test_channel_beyond_the_references_view_is_refused(tmp_path: Path) -> None:
    flags = subject(tmp_path, "postop", None)
    far = [write_transform(tmp_path, "postop_to-event", rigid((0, 0, 0), (500, 0, 0)))]
    with pytest.raises(ValueError, match="nothing of it lies in the reference's view"):
        run_step(
            align.main, tmp_path / "r.json", {"mri_interpolator": "linear"}, kind="mri", frames=[],
            transforms=far, **flags,
        )  # fmt: skip


def test_first_image_of_a_shared_frame_is_taken_and_images_without_frame_are_not() -> None:
    assert image_of_dose("f", {"postop": None, "event": "f", "ct": "f"}) == "event"
    with pytest.raises(ValueError):
        image_of_dose(None, {"postop": None})
    with pytest.raises(ValueError, match=r"dose_frame is 'flair', .*\['postop'\]"):
        image_of_dose("image:flair", {"postop": "f"})


def test_paths() -> None:
    pairs = [("postop", "event"), ("ct", "postop")]
    assert path_to_reference("ct", "event", pairs) == [1, 0]
    assert path_to_reference("event", "event", pairs) == []
    with pytest.raises(ValueError, match="no transform leads from 'flair'"):
        path_to_reference("flair", "event", pairs)
    with pytest.raises(ValueError, match="no transform leads"):
        path_to_reference("a", "event", [("a", "b"), ("b", "a")])
