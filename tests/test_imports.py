"""What each step loads before it works: large packages only where they are needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ricenet import cli
from ricenet.normalisations import NORMALISATIONS
from ricenet.provenance import steps
from ricenet.study.explain_methods import METHODS

ROOT = Path(__file__).parents[1]
LARGE = {"ants", "jinja2", "matplotlib", "monai", "pandas", "sklearn", "snakemake", "torch"}
NETWORK = {"matplotlib", "monai", "pandas", "sklearn", "torch"}  # MONAI brings the other three
STEPS = [
    (
        "align align_mask cache crop ingest_dose ingest_mask ingest_mri occlusion_native resample "
        "timeline total_dose zscore",
        set(),
    ),
    (
        "arrival audit calibrate compare control_manifest control_metrics describe_cohort evaluate "
        "manifest near_duplicates note_plan occlusion_statistics occlusion_summary open_test_set "
        "predictions probe_features quality vote",
        {"pandas"},
    ),
    ("probes", {"pandas", "sklearn"}),
    ("overview occlusion_picture", {"matplotlib"}),
    ("report", {"jinja2", "matplotlib", "pandas"}),
    ("brain_mask", {"torch"}),
    ("register", {"ants", "matplotlib", "pandas", "sklearn"}),  # antspyx brings the other three
    ("check-device dose_counterfactual occlusion_cubes occlusion_map predict train_model", NETWORK),
]


@pytest.mark.parametrize(("names", "allowed"), STEPS, ids=[names[:16] for names, _ in STEPS])
def test_no_step_loads_what_it_does_not_need(names: str, allowed: set[str]) -> None:
    modules = ", ".join(module_of(name) for name in names.split())
    program = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert LARGE & set(loaded) <= allowed


def test_every_step_of_the_rules_is_listed() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    known = {name for names, _ in STEPS for name in names.split()}
    named = set(re.findall(r"python -m ricenet ([a-z_-]+)", rules))
    assert known == named | set(NORMALISATIONS) | set(METHODS)
    assert known - {"check-device"} == set(steps.STEPS)


def module_of(word: str) -> str:
    return steps.STEPS[word].module if word in steps.STEPS else cli.VERBS[word].module


def test_every_folder_of_modules_is_a_package() -> None:
    """Else it is neither installed nor seen by the contract about imports."""
    source = ROOT / "src/ricenet"
    folders = {path.parent for path in source.rglob("*.py")} - {source / "former"}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
    packages = {folder for folder in folders if list(folder.glob("[!_]*.py"))}
    assert packages == folders
