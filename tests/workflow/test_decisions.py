"""A person decides on a failed check: the real rules and the real steps, on small heads."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from finished_study import LABELS, ROOT, Finished, head, write_mr, write_raw
from ricenet.provenance.steps import STEPS
from ricenet.study.board import failed_subjects

GATE = "postop_to-event/left-right\taccept\tTest\tcoarse spheres"


def run(commands: Iterable[list[str]]) -> list[str]:
    """Run commands as ``--keep-going`` would; the steps that failed."""
    before = Path.cwd()
    os.chdir(ROOT)
    failed: list[str] = []
    try:
        for step, *arguments in commands:
            if failed and step in ("cache", "audit", "report"):
                continue
            try:
                importlib.import_module(STEPS[step].module).main(arguments)
            except ValueError:
                failed.append(step)
    finally:
        os.chdir(before)
    return failed


def failed_checks(folder: Path) -> list[str]:
    """Checks that failed, as the overrides table names them, by the records alone."""
    return [
        f"{path.stem}/{check['check']}"
        for path in folder.glob("*.json")
        for check in json.loads(path.read_text())["checks"]
        if check["verdict"] == "fail"
    ]


def test_after_accept_one_run_brings_the_subject_into_the_report(
    small_study: Finished, tmp_path: Path
) -> None:
    study = small_study.copied(tmp_path / "copy")
    raw = study.folder / "raw" / "CANARY6"
    write_raw(raw, 6)
    for file in (raw / "event").iterdir():
        file.unlink()
    write_mr(raw / "event", head(6, 1), "20200914", "2.25.6")  # before the operation
    table = study.folder / "subjects.tsv"
    cells = "\t".join(f"raw/CANARY6/{name}" for name in ("postop", "event", "rt"))
    table.write_text(table.read_text() + f"S6\tRICE\t{cells}\tevent\n")
    assert run(study.commands()) == ["quality"]
    assert failed_subjects(study.root, ["S6"], {}) == {"S6"}
    checks = failed_checks(study.root / "subjects/S6")
    decided = [f"S6\t{check}\taccept\tTest\tknown" for check in checks]
    study.decide(*(f"{subject}\t{GATE}" for subject in LABELS), *decided)
    assert run(study.commands()) == []
    page = (study.root / "cohorts/c1/report/index.html").read_text()
    assert "<dt>Subjects</dt><dd>6<small>" in page and 'id="subject-S6"' in page
    assert "6 ready" in page and "No subject is held back." in page
    assert study.commands() == []
