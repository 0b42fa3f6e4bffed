"""The manifest of a cohort: who is in which fold, and which cache file is theirs.

It is the only input of training. A subject whose preprocessing comes out identical leaves it
unchanged, and with it every model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.cohort.dataset import Facts
from ricenet.cohort.dose_outliers import unlike_others
from ricenet.provenance import digests, tsv


def common_facts(records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Find what all caches of a cohort share: channels, kinds, spacing, shape, preprocessing.

    Raises
    ------
    ValueError
        Two subjects' caches differ in one of them.
    """
    found: dict[str, Any] = {}
    for subject, record in records.items():
        for name in (field.name for field in fields(Facts)):
            value = record["facts"].get(name)
            if found.setdefault(name, value) != value:
                raise ValueError(
                    f"the cache of {subject} has {name} {value}, others {found[name]}; "
                    f"run the target 'preprocess' again"
                )
    return found


def require_as_recorded(digests: Mapping[str, str], records: Mapping[str, dict[str, Any]]) -> None:
    """Raise ``ValueError`` unless each cache agrees with its record."""
    altered = [s for s, d in digests.items() if d != records[s]["outputs"]["out"][0]["digest"]]
    if altered:
        raise ValueError(
            f"the caches of {altered} are not what was written; delete these files and run the "
            f"target 'preprocess' again"
        )


def voxel_twins(digests: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of subjects whose caches are identical: one patient under two ids."""
    first: dict[str, str] = {}
    return [
        (first[digest], subject)
        for subject, digest in digests.items()
        if first.setdefault(digest, subject) != subject
    ]


def compare_doses(job: step.Job, records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return which subjects' doses are unlike the others', by dose channel, and say it."""
    known = {s: r["facts"].get("dose_near_maximum_gy", {}) for s, r in records.items()}
    channels = dict.fromkeys(channel for doses in known.values() for channel in doses)
    found = {
        channel: unlike_others({s: gy[channel] for s, gy in known.items() if channel in gy})
        for channel in channels
    }
    for channel, about in found.items():
        if "not_made" in about:
            job.say(f"{channel} not compared over the cohort: {about['not_made']}")
        for subject, one in about.get("subjects", {}).items():
            job.say(
                f"{channel} of {subject} is unlike the others: near-maximum "
                f"{one['near_maximum_gy']:g} Gy, their median {about['median_gy']:g} Gy"
            )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read the caches' records, digest the caches, write the table."""
    with step.Job("manifest", argv, inputs=("caches*",), values=("rows",)) as job:
        table = pd.DataFrame(json.loads(job.args.rows))
        files = {path.stem: path for path in job.args.caches}
        records = {s: job.read_record(path.with_suffix(".json")) for s, path in files.items()}
        job.facts |= common_facts(records)
        found = {s: digests.bytes_digest(path) for s, path in files.items()}
        require_as_recorded(found, records)
        job.known.digests.update({files[s]: digest for s, digest in found.items()})
        twins = voxel_twins(found)
        if twins:
            raise ValueError(f"the same images under two ids: {twins}; remove one of each pair")
        job.fact("dose_outliers", compare_doses(job, records))
        folder = job.args.out.parent
        table["cache"] = [_relative(files[s], folder) for s in table["subject"]]
        table["digest"] = [found[s] for s in table["subject"]]
        tsv.write(job.stage(job.args.out), table)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
