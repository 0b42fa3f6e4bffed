"""staging: a disk without room is an error with its remedy, whatever the library says of it."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import save_file

from ricenet import step
from ricenet.image import transforms
from ricenet.image.volume import Volume
from ricenet.step import staging

DATA = np.random.default_rng(0).standard_normal((40, 40, 40)).astype(np.float32)
LONG = sitk.CompositeTransform([sitk.Euler3DTransform()] * 500)


def volume(job: step.Job) -> None:
    job.save(job.args.out, Volume(DATA, np.eye(4)))


def array(job: step.Job) -> None:
    with job.stage(job.args.out).open("wb") as file:
        np.save(file, DATA)


def weights(job: step.Job) -> None:
    save_file({"a": torch.from_numpy(DATA)}, job.stage(job.args.out))


def text(job: step.Job) -> None:
    job.stage(job.args.out).write_text("x" * 200_000)


def transform(job: step.Job) -> None:
    transforms.write(job.stage(job.args.out), LONG)


WRITERS = {
    "v.nii.gz": volume, "v.npy": array, "v.safetensors": weights, "v.tsv": text,
    "v.tfm": transform,
}  # fmt: skip


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk of its own (tmpfs) needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """Take all room but so many bytes."""
    path = disk / "filling"
    path.write_bytes(b"x" * (shutil.disk_usage(disk).free - leave))
    return path


def attempt(folder: Path, name: str, write: Callable[[step.Job], None]) -> None:
    argv = ["--out", str(folder / name), "--record", str(folder / "v.json")]
    with step.Job("zscore", [*argv, "--log", str(folder / "log.txt")]) as job:
        write(job)


def files(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("leave", [0, 8192, 32768])
@pytest.mark.parametrize("name", WRITERS)
def test_full_disk_is_named_and_leaves_nothing(disk: Path, name: str, leave: int, capsys) -> None:
    folder = disk / "study"
    folder.mkdir()
    filling = fill(disk, leave=leave)
    with pytest.raises(Exception) as failed:
        attempt(folder, name, WRITERS[name])
    shown = capsys.readouterr().err
    assert step.SHOWN in failed.value.__notes__
    assert "Traceback" not in shown and str(disk) not in shown
    assert "study/v: " in shown and "bytes are free" in shown and "make room" in shown
    assert files(folder) <= {"log.txt", "log.failed.json"}
    filling.unlink()
    attempt(folder, name, WRITERS[name])
    assert files(folder) == {name, "v.json", "log.txt"}
    shutil.rmtree(folder)


def test_a_cut_transform_is_noticed(disk: Path) -> None:
    filling = fill(disk, leave=8192)
    with pytest.raises(OSError, match="not written whole"):
        transforms.write(disk / "a.tfm", LONG)
    filling.unlink()
    (disk / "a.tfm").unlink()


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging.os, "access", lambda *_: False)  # root may write everywhere
    error = OSError(errno.EROFS, "read-only")
    assert "x/y cannot be written" in staging.trouble(error, tmp_path / "new", "x/y")
    assert staging.trouble(OSError(errno.EIO, ""), tmp_path, "x/y") == ""
    quota = staging.trouble(OSError(errno.EDQUOT, ""), tmp_path, "x/y")
    assert "quota" in quota and "bytes are free" in quota
