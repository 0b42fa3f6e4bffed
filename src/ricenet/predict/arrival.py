"""Manifest of one new subject, for inference with the models of a finished cohort.

Prediction and occlusion read it like the manifest of a cohort. Its record names the cohort whose
models may be asked; a subject whom they have seen, or whose cache was made under other settings
than theirs, gets none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.dataset import Facts
from ricenet.provenance import digests, tsv

UNKNOWN = -1  # label of a subject who has none, fold of one who is in none


def require_unseen(subject: str, cohort: pd.DataFrame) -> None:
    """Raise ``ValueError`` where the cohort holds the subject."""
    if subject in cohort.index:
        where = {"train": "the fold models' predictions.tsv", "test": "test-predictions.tsv"}
        split = str(cohort.at[subject, "split"])
        raise ValueError(
            f"{subject} is a {split} subject of this cohort: its prediction stands in "
            f"{where[split]}; name a cohort without this subject"
        )


def require_same_images(mine: Facts, theirs: Facts) -> None:
    """Raise ``ValueError`` where a cache differs from the cohort's in kind or in settings.

    Parameters
    ----------
    mine, theirs : Facts
        Of the cache's record and of the manifest's.
    """
    for name in dataset.REQUIRED:
        own, other = getattr(mine, name), getattr(theirs, name)
        if own != other:
            raise ValueError(f"the cache has {name} {own}, the cohort's {other}")
    different = differing(mine, theirs, place=0)
    if different or not theirs.preprocessing:
        raise ValueError(
            f"the cohort's models were trained on images of other settings of "
            f"{different or 'unknown steps'}; use the settings file of that training, or run the "
            f"targets 'preprocess' and 'manifest': caches that come out equal keep the models"
        )


def differing(mine: Facts, theirs: Facts, *, place: int) -> list[str]:
    """List the steps whose digest of settings (``place`` 0) or of code (1) differs."""
    a, b, none = mine.preprocessing, theirs.preprocessing, ["", ""]
    return sorted(s for s in a.keys() | b.keys() if a.get(s, none)[place] != b.get(s, none)[place])


def row(subject: str, cache: Path, digest: str, folder: Path) -> pd.DataFrame:
    """Return the manifest of one subject; it counts as a test subject without a label."""
    path = Path(os.path.relpath(cache, folder)).as_posix()
    cells = (subject, "test", UNKNOWN, UNKNOWN, path, digest)
    return pd.DataFrame([cells], columns=list(dataset.COLUMNS))


def main(argv: Sequence[str] | None = None) -> None:
    """Read the cohort's manifest and the record of the cache, compare, write one row."""
    inputs = ("cohort", "cohort-record", "cache", "cache-record")
    with step.Job("arrival", argv, inputs=inputs, values=("subject",)) as job:
        args = job.args
        cohort, theirs = dataset.read_manifest(args.cohort)
        require_unseen(args.subject, cohort)
        record = job.read_record(args.cache_record)
        mine = Facts.of(record["facts"])
        require_same_images(mine, theirs)
        digest = record["outputs"]["out"][0]["digest"]
        dataset.read_cache(
            args.cache,
            subject=args.subject,
            digest=digest,
            shape=theirs.cache_shape,
        )
        job.facts |= {name: getattr(theirs, name) for name in dataset.REQUIRED}
        folds = sorted(set(cohort.loc[cohort["split"] == "train", "fold"].tolist()))
        job.fact("ensemble", {"manifest": digests.bytes_digest(args.cohort), "folds": folds})
        other_code = differing(mine, theirs, place=1)
        job.fact("steps_of_other_code", other_code)
        job.check(
            "preprocessing-code-differs",
            len(other_code),
            at_most=0,
            unit="steps",
            advice="the cohort's images were prepared by another version of the workflow",
        )
        table = row(args.subject, args.cache, digest, args.out.parent)
        tsv.write(job.stage(args.out), table)
