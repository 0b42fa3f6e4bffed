"""The conda environments name the same versions as the lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[1] / "envs"


def locked() -> dict[str, str]:
    lines = (ENVS / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in pairs}


@pytest.mark.parametrize("name", ["imaging", "torch"])
def test_conda_environment_equals_the_lock(name: str) -> None:
    environment = yaml.safe_load((ENVS / f"{name}.yaml").read_text())
    pinned = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    versions = locked()
    for requirement in pinned:
        package, version = requirement.split("==")
        assert versions[package.lower()] == version, requirement


def test_lock_keeps_the_bounds_that_matter() -> None:
    versions = locked()
    assert versions["torch"] == "2.13.0"
    assert versions["antspyx"] == "0.6.3"
    assert tuple(map(int, versions["numpy"].split(".")[:2])) < (2, 4)
    assert tuple(map(int, versions["monai"].split("."))) >= (1, 5, 2)
    assert tuple(map(int, versions["snakemake"].split(".")[:2])) >= (9, 27)
