"""The conda environments and the container have the versions of the lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[2] / "envs"


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


def test_container_and_make_install_the_lock_alike() -> None:
    recipe = (ENVS / "Dockerfile").read_text()
    makefile = (ENVS.parent / "Makefile").read_text()
    source_only = re.search(r"^SOURCE_ONLY := (\S+)$", makefile, flags=re.M)
    assert source_only and f"--no-binary {source_only[1]} " in recipe
    assert "COPY envs/requirements.lock" in recipe and "-r /tmp/requirements.lock" in recipe
    assert "FROM python:3.11-" in recipe  # the lock's


def test_cluster_plugins_are_locked() -> None:
    versions = locked()
    assert versions["snakemake-executor-plugin-slurm"] == "2.6.1"  # later ones: numpy 2.4
    assert versions["pandas"].startswith("2.")  # what it wants
    assert "snakemake-executor-plugin-cluster-generic" in versions
