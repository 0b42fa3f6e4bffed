"""step: all or nothing, nothing private, and records that tell the truth."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs import job
from ricenet.image.volume import Volume, load, save
from ricenet.provenance import digests
from ricenet.step import program

SMALL = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5), np.diag([1.0, 2, 3, 1]))


def written(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def record_of(folder: Path) -> dict:
    return json.loads((folder / "s1" / "out.json").read_text())


@pytest.mark.parametrize(
    "failure",
    [ValueError("the mask is odd"), KeyError("x"), KeyboardInterrupt(), SystemExit(3)],
)
def test_an_exception_leaves_nothing_but_the_log(failure, tmp_path: Path, capsys) -> None:
    with pytest.raises(type(failure)), job(tmp_path) as running:
        running.save(running.args.out, SMALL)
        raise failure
    assert set(written(tmp_path)) - {"log.failed.json"} == {"log.txt"}
    shown, log = capsys.readouterr().err, (tmp_path / "log.txt").read_text()
    assert shown == log
    if isinstance(failure, ValueError):
        assert log.endswith(" zscore] error: the mask is odd\n")
    if isinstance(failure, KeyError):
        assert "Traceback" in log


def test_a_failure_is_noted_beside_the_log_until_the_step_runs_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError), job(tmp_path):
        raise ValueError("the mask is odd")
    note = json.loads((tmp_path / "log.failed.json").read_text())
    assert note == {"step": "zscore", "place": "s1/out", "why": "the mask is odd"}
    with job(tmp_path) as running:
        running.save(running.args.out, SMALL)
    assert not (tmp_path / "log.failed.json").exists()


def test_an_exception_leaves_old_files_as_they_were(tmp_path: Path) -> None:
    with job(tmp_path) as running:
        running.save(running.args.out, SMALL)
    before = {p: p.read_bytes() for p in (tmp_path / "s1").iterdir()}
    with pytest.raises(ValueError), job(tmp_path) as running:
        running.save(running.args.out, Volume(SMALL.data + 1, SMALL.affine))
        raise ValueError("late")
    assert {p: p.read_bytes() for p in (tmp_path / "s1").iterdir()} == before


def test_missing_output_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    second = ["--second", str(tmp_path / "s1" / "second.nii.gz")]
    with (
        pytest.raises(RuntimeError, match=r"without writing \['second.nii.gz'\]"),
        job(tmp_path, *second, outputs=("out", "second")) as running,
    ):
        running.save(running.args.out, SMALL)
    assert written(tmp_path) == ["log.failed.json", "log.txt"]
    assert "second.nii.gz" in (tmp_path / "log.txt").read_text()


def test_a_record_that_cannot_be_written_leaves_no_output(tmp_path: Path) -> None:
    with pytest.raises(ValueError), job(tmp_path) as running:
        running.save(running.args.out, SMALL)
        running.fact("ratio", float("nan"))
    assert written(tmp_path) == ["log.failed.json", "log.txt"]
    assert (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_check_without_a_number_is_an_error(value: float, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"Dice of the masks is (nan|inf)"),
        job(tmp_path) as running,
    ):
        running.check("Dice of the masks", value, at_least=0.9)


def test_check_verdicts(tmp_path: Path, capsys) -> None:
    with job(tmp_path) as running:
        running.save(running.args.out, SMALL)
        given = [
            running.check("on the limit", 0.5, at_least=0.5, at_most=0.5),
            running.check("too low", 0.4, at_least=0.5, unit="Gy"),
            running.check("too high", np.float32(2), at_most=1),
            running.check("no limit", 7),
        ]
    checks = record_of(tmp_path)["checks"]
    assert given == [True, False, False, True]
    assert [c["verdict"] for c in checks] == ["pass", "fail", "fail", "pass"]
    assert checks[1] == {
        "check": "too low", "value": 0.4, "unit": "Gy", "at_least": 0.5, "verdict": "fail",
    }  # fmt: skip
    shown = capsys.readouterr().err
    assert "check failed: too low = 0.4 Gy" in shown and "on the limit" not in shown


def test_a_check_that_is_not_made_is_no_pass(tmp_path: Path, capsys) -> None:
    with job(tmp_path) as running:
        running.save(running.args.out, SMALL)
        running.not_checked("order", "the headers hold no date")
        running.not_checked("size", "nothing is known", holds=True, advice="write it")
    first, second = record_of(tmp_path)["checks"]
    assert first == {
        "check": "order", "value": None, "unit": "", "verdict": "not made", "holds": False,
        "reason": "the headers hold no date",
    }  # fmt: skip
    assert (second["holds"], second["advice"]) == (True, "write it")
    assert "check not made: order: the headers hold no date" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_recorded_digests_are_those_of_the_files(dtype, tmp_path: Path) -> None:
    source = tmp_path / "s1" / "in.nii.gz"
    source.parent.mkdir()
    # thirds: an affine and voxels that float32 does not hold
    save(source, Volume(SMALL.data, np.diag([1 / 3, 2 / 3, 1, 1])))
    with job(tmp_path, "--image", str(source), inputs=("image",)) as running:
        image = running.load(source)
        data = (image.data / (3 if np.dtype(dtype).kind == "f" else 1)).astype(dtype)
        running.save(running.args.out, Volume(data, np.diag([1 / 3, 2 / 3, 1, 1])))
    record = record_of(tmp_path)
    out, into = record["outputs"]["out"][0], record["inputs"]["image"][0]
    file = tmp_path / "s1" / "out.nii.gz"
    assert out["digest"] == digests.file_digest(file)
    assert out["bytes"] == file.stat().st_size
    assert (out["path"], into["path"]) == ("out.nii.gz", "in.nii.gz")
    assert into["digest"] == digests.file_digest(source)
    assert out["dtype"] == load(file).data.dtype.name
    assert out["maximum"] == load(file).data.max() and out["shape"] == [3, 4, 5]


@pytest.mark.parametrize("form", ["apart", "joined", "slash"])
def test_raw_path_is_never_written_out(form: str, tmp_path: Path) -> None:
    raw = tmp_path / "CANARY^PATIENT"
    raw.mkdir()
    (raw / "CANARY.dcm").write_bytes(b"x")
    arguments = {
        "apart": ["--raw", str(raw)],
        "joined": [f"--raw={raw}"],
        "slash": ["--raw", f"{raw}/"],
    }
    folder = tmp_path / "study"
    with job(folder, *arguments[form], raw=("raw",)) as running:
        running.save(running.args.out, SMALL)
    text = (folder / "s1" / "out.json").read_text()
    assert "CANARY" not in text and str(tmp_path) not in text
    assert record_of(folder)["raw"]["raw"][0]["files"] == 1
    assert record_of(folder)["command"][:5] == ["python", "-m", "ricenet", "zscore", "--out"]


def test_command_names_study_files_by_their_place_in_the_study(tmp_path: Path) -> None:
    source = tmp_path / "s1" / "a=b.json"
    source.parent.mkdir()
    source.write_text("{}")
    for written_as in ([f"--ledger={source}"], ["--ledger", f"{tmp_path}/./s1//a=b.json"]):
        with job(tmp_path, *written_as, "--settings", '{"k":1}', inputs=("ledger",)) as running:
            running.save(running.args.out, SMALL)
        command = record_of(tmp_path)["command"]
        assert str(tmp_path) not in " ".join(command)
        assert "a=b.json" in command[-3] and command[-1] == '{"k":1}'


def test_input_errors_name_the_file_and_not_its_folder(tmp_path: Path) -> None:
    (tmp_path / "dose.nii.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"^dose.nii.gz: not a readable"), job(tmp_path) as running:
        running.load(tmp_path / "dose.nii.gz")


@pytest.mark.parametrize("missing", [False, True])
def test_program_shows_an_unexpected_error_once_and_without_raw_paths(
    missing: bool, tmp_path: Path, monkeypatch, capfd
) -> None:
    """Nor names of files in the raw folder, in whatever form the path was given."""
    (tmp_path / "CANARY").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    child = "CANARY^JOHN.dcm"
    raw = "../nowhere-CANARY" if missing else "../CANARY"

    def main() -> None:
        with job(tmp_path / "study", "--raw", f"{raw}/", raw=("raw",)) as running:
            with contextlib.suppress(OSError):
                (running.args.raw / child).read_bytes()
            (running.args.raw.resolve() / child).read_bytes()

    with pytest.raises(SystemExit) as ended:
        program.run(main, step="zscore", argv=[])
    assert ended.value.code == 1
    shown = capfd.readouterr().err
    assert "CANARY" not in shown + (tmp_path / "study" / "log.txt").read_text()
    assert ("does not exist" if missing else "FileNotFoundError") in shown


def test_program_keeps_the_traceback_of_what_no_job_has_shown() -> None:
    def broken() -> None:
        raise ValueError("before any job")

    with pytest.raises(ValueError):
        program.run(broken, step="zscore", argv=[])


def _write(folder: Path, start: int, count: int) -> None:
    data = np.random.default_rng(0).standard_normal((96, 96, 96), np.float32)
    for number in range(start, start + count):
        with job(folder) as running:
            data[0, 0, 0] = number
            running.save(running.args.out, Volume(data, np.eye(4)))


def _sizes(folder: Path) -> set[tuple[str, int]]:
    with contextlib.suppress(FileNotFoundError):
        return {(entry.name, entry.stat().st_size) for entry in os.scandir(folder)}
    return set()


@pytest.mark.parametrize("old", [False, True])
def test_kill_in_the_middle_of_a_write_leaves_the_old_or_the_whole_file(
    old: bool, tmp_path: Path
) -> None:
    """S1: SIGKILL as soon as anything in the folder changes, while 3.5 MB are written."""
    caught = 0
    for number in range(5):
        folder = tmp_path / str(number)
        final = folder / "s1" / "out.nii.gz"
        if old:
            _write(folder, 0, 1)
        before = _sizes(folder / "s1")
        writer = multiprocessing.get_context("fork").Process(target=_write, args=(folder, 1, 100))
        writer.start()
        give_up = time.monotonic() + 20
        while _sizes(folder / "s1") == before and time.monotonic() < give_up:
            pass
        writer.kill()
        writer.join()
        assert writer.exitcode == -9
        first = load(final).data[0, 0, 0] if final.exists() else None
        assert old or first is None or first >= 1
        caught += first in (None, 0)
        if final.with_name("out.json").exists():
            record_of(folder)
    assert caught >= 2  # otherwise no write was interrupted


def test_what_a_killed_run_left_over_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "s1"
    folder.mkdir()
    gone = [
        ".12.out.nii.gz",
        ".12.out.json.tmp",
        "..12.out.json.tmp.12.tmp",
        ".7.resume-0a.safetensors",
    ]
    kept = [".12.other.nii.gz", ".out.nii.gz", "12.out.nii.gz", "resume-0a.safetensors"]
    for name in (*gone, *kept):
        (folder / name).write_text("half")
    with job(tmp_path) as running:
        running.save(running.args.out, SMALL)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*kept, "out.nii.gz", "out.json"])


def test_a_second_writer_writes_nothing_and_leaves_the_first_alone(tmp_path: Path, capsys) -> None:
    with job(tmp_path) as first:
        first.say("working")
        with pytest.raises(ValueError, match="is writing this result already"), job(tmp_path):
            raise AssertionError("never reached")
        assert "error: process" in capsys.readouterr().err
        first.save(first.args.out, SMALL)
    assert written(tmp_path) == ["log.txt", "out.json", "out.nii.gz"]  # no note of a failure
    assert (tmp_path / "log.txt").read_text().startswith("[s1/out zscore] working\n")


def test_who_lost_the_lease_while_standing_still_writes_nothing(tmp_path: Path) -> None:
    lease_file = tmp_path / "s1" / ".out.json.lease"
    with pytest.raises(ValueError, match="another took over"), job(tmp_path) as running:
        running.save(running.args.out, SMALL)
        lease_file.write_text(lease_file.read_text().replace('"token": "', '"token": "x'))
    assert written(tmp_path) == [".out.json.lease", "log.txt"]


def test_short_memory_of_a_gpu_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(torch.OutOfMemoryError), job(tmp_path):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.6 GiB\nmore")
    log = (tmp_path / "log.txt").read_text()
    assert "the memory of the GPU ran out: CUDA out of memory. Tried to allocate 2.6 GiB; " in log
    assert "smaller batch_size" in log and "Traceback" not in log
