"""The step ``near_duplicates``: subjects who may be one person with two ids.

The manifest refuses identical voxels. The same person in another scan, or the same scan in another
grid, has other voxels and the same brain; in training and in test it makes results too good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ricenet import step
from ricenet.cohort import dataset
from ricenet.image import similarity
from ricenet.provenance import tsv

COLUMNS = ["first", "second", "split_first", "split_second", "apart", "coarse", "fine", "alike"]
WORTH_REFINING = 0.6  # correlation on the coarse grid from which a pair may be one person


def candidates(coarse: NDArray, *, partners: int) -> list[tuple[int, int]]:
    """Return the pairs for the fine comparison: each subject with its nearest neighbours.

    Parameters
    ----------
    coarse : (N, N) float array
        Correlations, symmetric.
    partners : int
        Nearest ones that are looked at.
    """
    found = set()
    for i, row in enumerate(coarse):
        for j in np.argsort(-row)[:partners]:
            if row[j] >= WORTH_REFINING and i != j:
                found.add((min(i, int(j)), max(i, int(j))))
    return sorted(found)


def rows(
    brains: Mapping[str, similarity.Brain], manifest: pd.DataFrame, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the pairs of the fine comparison, the most similar first.

    Parameters
    ----------
    settings : dict
        at_most, partners.
    """
    names = list(brains)
    coarse, poses = similarity.coarse_scores(list(brains.values()))
    found = []
    for i, j in candidates(coarse, partners=settings["partners"]):
        fine = similarity.refined(brains[names[i]], brains[names[j]], poses[i, j])
        one, other = manifest.loc[names[i]], manifest.loc[names[j]]
        found.append(
            {
                "first": names[i], "second": names[j],
                "split_first": one["split"], "split_second": other["split"],
                # a leak: one is used to judge a model that saw the other
                "apart": "yes" if one["fold"] != other["fold"] else "no",
                "coarse": round(float(coarse[i, j]), 4), "fine": round(fine, 4),
                "alike": "yes" if fine > settings["at_most"] else "no",
            }
        )  # fmt: skip
    return sorted(found, key=lambda row: -float(row["fine"]))


def main(argv: Sequence[str] | None = None) -> None:
    """Read the reference images, compare all pairs, write the most similar."""
    inputs, values = ("manifest", "images*", "masks*"), ("subjects",)
    with step.Job("near_duplicates", argv, inputs=inputs, values=values) as job:
        args = job.args
        manifest, _ = dataset.read_manifest(args.manifest)
        brains = {}
        files = zip(json.loads(args.subjects), args.images, args.masks, strict=True)
        for subject, image, mask in files:
            volume, brain = job.load(image), job.load(mask)
            brains[subject] = similarity.prepared(volume.data, brain.data > 0, volume.spacing_mm)
        found = rows(brains, manifest, job.settings)
        pairs = len(brains) * (len(brains) - 1) // 2
        job.fact("pairs", pairs)
        job.fact("pairs_looked_at_closely", len(found))
        if pairs:
            alike = [
                f"{row['first']} and {row['second']}" for row in found if row["alike"] == "yes"
            ]
            job.check(
                "near-duplicates",
                float(found[0]["fine"]) if found else 0.0,
                at_most=job.settings["at_most"],
                advice=f"these may be one person: {', '.join(alike)}; compare their overview "
                f"pictures, and exclude one of each or put both into one fold",
            )
        else:
            job.not_checked("near-duplicates", f"{len(brains)} subject: nothing to compare")
        tsv.write(job.stage(args.out), pd.DataFrame(found, columns=COLUMNS))
