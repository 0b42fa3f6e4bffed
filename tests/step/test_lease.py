"""lease: one writer at a time, and none for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ricenet.step import lease
from ricenet.step.lease import Lease

HOLD = """
import sys, time
from pathlib import Path
from ricenet.step import lease
lease.BEAT_S = 0.2
mine = lease.Lease(Path(sys.argv[1]))
mine.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model" / ".model.json.lease"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    monkeypatch.setattr(lease, "LOOK_S", 0.02)
    monkeypatch.setattr(lease, "STALE_S", 1.0)


def holder(path: Path) -> subprocess.Popen:
    """Another process that holds the lease."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def from_elsewhere(path: Path, **changes: object) -> dict:
    """Make a lease look as if another host had written it; the owner."""
    first, beats = path.read_text().splitlines()
    owner = json.loads(first) | {"host": "node7", "processes": "other", **changes}
    path.write_text(f"{json.dumps(owner, sort_keys=True)}\n{beats}\n")
    return owner


def test_a_second_writer_is_refused_with_the_owner_and_the_remedy(path, monkeypatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    first = Lease(path)
    first.acquire()
    with pytest.raises(ValueError, match=r"job 4711 on host .* cancel it, then start again"):
        Lease(path).acquire()
    assert first.held()
    first.release()
    assert not path.exists()
    Lease(path).acquire()


def test_a_writer_of_another_process_is_refused_and_after_its_death_is_not(path) -> None:
    other = holder(path)
    try:
        with pytest.raises(ValueError, match=f"process {other.pid} on host"):
            Lease(path).acquire()
        other.send_signal(signal.SIGSTOP)  # stands still, yet lives
        with pytest.raises(ValueError, match="is writing this result already"):
            Lease(path).acquire()
    finally:
        other.kill()
        other.wait()
    started = time.monotonic()
    mine = Lease(path)
    mine.acquire()
    assert mine.held() and time.monotonic() - started < 1  # no waiting for a process of this host
    mine.release()


def test_a_process_number_given_anew_is_not_the_owner(path) -> None:
    Lease(path).acquire()
    owner = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps(owner | {"started": "1"}) + "\n0\n")
    assert owner["pid"] == os.getpid()
    Lease(path).acquire()


def test_the_heart_beats_and_ends_with_its_owner(path) -> None:
    other = holder(path)
    before = path.read_text()
    give_up = time.monotonic() + 20
    while path.read_text() == before and time.monotonic() < give_up:
        time.sleep(0.05)
    children = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().split()
    other.kill()
    other.wait()
    assert path.read_text() != before and path.read_text().startswith(before.splitlines()[0])
    assert len(children) == 1
    while lease._started(int(children[0])) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not lease._started(int(children[0]))


def test_a_writer_on_another_host_is_refused_while_it_beats(path, quick) -> None:
    Lease(path).acquire()
    owner = from_elsewhere(path)

    def beat() -> None:
        with path.open("r+") as file:
            file.write(f"{json.dumps(owner, sort_keys=True)}\n{9}\n")

    timer = threading.Timer(0.5, beat)
    timer.start()
    with pytest.raises(ValueError, match="on host node7"):
        Lease(path).acquire()
    timer.join()


def test_a_lease_of_another_host_without_a_beat_is_taken_over(path, quick) -> None:
    first = Lease(path)
    first.acquire()
    from_elsewhere(path)
    started = time.monotonic()
    second = Lease(path)
    second.acquire()
    assert second.held() and time.monotonic() - started >= 1.0
    assert not first.held()
    first.release()  # takes nothing away from the second
    assert second.held()
    second.release()


def test_a_lease_that_another_host_gives_back_is_free_at_once(path, quick) -> None:
    Lease(path).acquire()
    from_elsewhere(path)
    timer = threading.Timer(0.3, path.unlink)
    timer.start()
    started = time.monotonic()
    mine = Lease(path)
    mine.acquire()
    assert mine.held() and time.monotonic() - started < 0.9
    timer.join()


@pytest.mark.parametrize("content", ["", "{", "[1]\n", "\n0\n"])
def test_a_damaged_lease_is_watched_and_then_taken_over(content: str, path, quick) -> None:
    path.parent.mkdir()
    path.write_text(content)
    mine = Lease(path)
    mine.acquire()
    assert mine.held()


def test_only_one_of_many_at_once_gets_it(path, quick) -> None:
    results: list[str] = []

    def compete() -> None:
        try:
            Lease(path).acquire()
            results.append("held")
        except ValueError:
            results.append("refused")

    threads = [threading.Thread(target=compete) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("held") == 1 and len(results) == 20
