"""A step that does nothing but what its test asks for."""

from __future__ import annotations

from pathlib import Path

from ricenet import step


def job(folder: Path, *extra: str, **options) -> step.Job:
    arguments = ["--out", str(folder / "s1" / "out.nii.gz"), "--log", str(folder / "log.txt")]
    arguments += ["--record", str(folder / "s1" / "out.json"), *extra]
    return step.Job("zscore", arguments, **options)
