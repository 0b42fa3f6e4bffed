"""The real workflow on real scans: a run of Snakemake in the project, and what it recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow with a configuration on two cores; a failure is the caller's to judge."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", "--configfile",
         str(config), *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def keep(root: Path) -> None:
    """Copy a study to the folder that ``RICENET_TEST_KEEP`` names, to look at it."""
    if kept := os.environ.get("RICENET_TEST_KEEP"):
        shutil.copytree(root, kept, dirs_exist_ok=True)


def checks_of(study: Path, subject: str, name: str) -> dict[str, dict]:
    """Return the checks of a record of a subject, by their names."""
    record = json.loads((study / "subjects" / subject / f"{name}.json").read_text())
    return {check["check"]: check for check in record["checks"]}
