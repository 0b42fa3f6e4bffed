"""The README's commands, as written, in their order, in a fresh copy of the repository.

What a person does between them is done here: another path to the export, the labels. Lines that
compute are planned or parsed only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from raw_exports import RawPatient, write_nested
from ricenet import cli
from ricenet.config import config, settings_files

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.M | re.S)
WORDS = ("make", "source", "export", "ricenet", "snakemake")
COMPUTING = ("check-device", "verify", "why", "diff", "export")  # verbs that need results
PATIENTS = 12
LABEL = "add the labels"  # what the README asks a person for


def is_command(line: str) -> bool:
    return line.split(" ")[0] in WORDS


def commands() -> Iterator[str]:
    """Lines to run, and settings files to write, in the README's order."""
    for language, text in BLOCKS:
        name = re.match(r"# (config/\S+\.yaml)\n", text)
        if language == "yaml" and name:
            yield f"cat > {name[1]} <<'END'\n{text}END"
        elif not language and is_command(text):
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            assert all(map(is_command, lines)), text
            yield from map(runnable, lines)


def runnable(line: str) -> str:
    """The same line, but planned where it would compute."""
    line = re.sub(r"\s+#.*", "", line)
    word, *rest = line.split()
    if word == "make":
        return f"{line} --dry-run > /dev/null"
    if word == "snakemake":
        return f"{line} --dry-run --quiet rules"
    if word == "ricenet" and rest[0] in COMPUTING:
        flags = [flag for flag in rest if flag.startswith("--")]
        checks = [f"grep -q -e '{flag}' help" for flag in flags]
        return " && ".join([f"ricenet {rest[0]} --help > help", *checks])
    return line


@pytest.fixture
def export(tmp_path: Path) -> Path:
    patients = [RawPatient(number) for number in range(PATIENTS)]
    for raw in patients:
        for name, offset in (("postop", 0), ("event", 366)):
            raw.add(tmp_path / "scratch", name, offset)
        raw.add(tmp_path / "scratch", "ct", 22, study="planning")
        raw.add_course(tmp_path / "scratch", "first")
    return write_nested(tmp_path / "export", patients)


@pytest.mark.slow
def test_every_command_of_the_readme_works_in_its_order(tmp_path: Path, export: Path) -> None:
    copy = tmp_path / "fresh"
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "phantoms", "phantom-study", "demo", "tests", "shared"
    )
    shutil.copytree(ROOT, copy, ignore=left_out)
    for name in ("config/demo", "envs"):
        shutil.copytree(ROOT / name, copy / name, dirs_exist_ok=True)
    (copy / ".venv/bin").mkdir(parents=True)
    (copy / ".venv/bin/activate").write_text(f"export PATH={Path(sys.executable).parent}:$PATH\n")
    label = r"sed -i -E '/^P[0-9]*[02468]\t/s/\t/\tRICE/; /^P[0-9]*[13579]\t/s/\t/\trecurrence/' "
    table = "config/my-study/subjects.tsv"
    lines = []
    for line in commands():
        lines.append(line.replace("/path/to/export", str(export)))
        if line.startswith("ricenet new "):
            lines.append(label + table)
    script = "\n".join(f"{line}\ntest $? -eq 0 || {{ echo FAILED: {number}; exit 1; }}"
                       for number, line in enumerate(lines))  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", script], cwd=copy, env=os.environ | {"PYTHONPATH": str(copy / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert done.returncode == 0, f"{lines[int(shown.partition('FAILED: ')[2].split()[0])]}\n{shown}"
    assert len(lines) > 15
    kept = (copy / "config/my-study/cohort-a.tsv").read_text().splitlines()
    assert sum("\ttrain\t" in row for row in kept) == 10 and sum("test" in r for r in kept) == 3
    rows = [row for row in (copy / table).read_text().splitlines() if row.startswith("P")]
    assert len(rows) == PATIENTS and all("RICE" in r or "recurrence" in r for r in rows)


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "yaml"])
def test_settings_of_the_readme_are_settings(text: str) -> None:
    values = yaml.safe_load(text.replace("<the 64 digits>", "a" * 64))
    config.validate(settings_files.completed(values))


def test_verbs_of_the_readme_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    assert set(re.findall(r"`ricenet ([a-z][a-z-]*)", text)) <= set(cli.VERBS)
