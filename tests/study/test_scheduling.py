"""scheduling: a run leaves no timers behind that wake Snakemake's scheduler."""

import subprocess
import sys
from pathlib import Path

import pytest

JOBS = 30
SNAKEFILE = f"""
import sys, threading
sys.path.insert(0, {str(Path(__file__).parents[2] / "src")!r})
from ricenet.study.scheduling import stop_alarms
rule all:
    input: [f"made/{{i}}" for i in range({JOBS})]
rule one:
    output: "made/{{i}}"
    shell: "touch {{output}}"
onsuccess:
    timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
    open("timers", "w").write(str(len(timers)))
"""


def timers(folder: Path, text: str, *arguments: str) -> int:
    (folder / "Snakefile").write_text(SNAKEFILE + text)
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert len(list((folder / "made").iterdir())) == JOBS
    return int((folder / "timers").read_text())


@pytest.mark.parametrize(
    ("start", "limit", "found"),
    [
        ("", "100/1s", "many"),  # or Snakemake has mended it, and nothing of this is needed
        ("onstart: stop_alarms(workflow)", "100/1s", "none"),
        ("onstart: stop_alarms(workflow)", "100/2s", "many"),
    ],
)
def test_jobs_leave_no_timers_where_there_is_no_limit_to_keep(
    tmp_path: Path, start: str, limit: str, found: str
) -> None:
    count = timers(tmp_path, start, "--max-jobs-per-timespan", limit)
    assert count >= JOBS / 3 if found == "many" else count == 0
