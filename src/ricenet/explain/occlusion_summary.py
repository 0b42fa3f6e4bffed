"""Summary of the occlusion maps of a cohort's test subjects, as one table.

For each subject and over all: shares of the importance in the 95 % isodose, in the new enhancement
and elsewhere in the brain, against maps shifted at random; shares of the channels; rank correlation
of importance and dose. :mod:`ricenet.explain.map_statistics` holds the formulas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ricenet import step
from ricenet.channels import by_name
from ricenet.cohort.labels import EVERYONE
from ricenet.config.explain import OcclusionSummary
from ricenet.explain import map_statistics
from ricenet.explain.map_regions import Regions, regions
from ricenet.image.boxes import box_around
from ricenet.image.volume import Volume, require_same_space
from ricenet.provenance import tsv

COLUMNS = (
    "ablation", "subject", "measure", "of", "value", "low", "high", "null_mean", "null_sd", "z",
    "p", "volume_share", "n",
)  # fmt: skip


class Brain(NamedTuple):
    """A subject's volumes, cut to the brain.

    Attributes
    ----------
    change : (X, Y, Z) array
        Occlusion map of all channels together.
    alone : (X, Y, Z, C) array
        Maps of one channel each.
    images : dict of str to (X, Y, Z) array
        MRI, z-scored, and dose, Gy, by channel.
    mask : (X, Y, Z) bool array
    spacing_mm : tuple of float
    """

    change: NDArray
    alone: NDArray
    images: dict[str, NDArray]
    mask: NDArray
    spacing_mm: tuple[float, float, float]


class Measured(NamedTuple):
    """What was measured on one subject, by name; a share's null and volume where it has them."""

    values: dict[tuple[str, str], float]
    null: dict[tuple[str, str], NDArray]
    volumes: dict[tuple[str, str], float]


def measure(
    brain: Brain,
    found: Regions,
    dose: str | None,
    names: Sequence[str],
    *,
    shifts: int,
    rng: np.random.Generator,
) -> Measured:
    """Measure one subject's maps; ``names`` are the channels of ``brain.alone``."""
    importance = np.abs(brain.change).astype(np.float64)
    shares = map_statistics.shares(importance, found.codes)
    null = np.empty((0, len(map_statistics.REGIONS)))
    if importance.any():
        drawn = map_statistics.draw_shifts(importance, brain.mask, draws=shifts, rng=rng)
        null = map_statistics.shifted_shares(importance, found.codes, drawn)
    volumes = map_statistics.shares(brain.mask.astype(float), found.codes)
    keys = {("share", region): i for i, region in enumerate(map_statistics.REGIONS)}
    keys = {key: i for key, i in keys.items() if key[1] in found.there}
    values = {key: float(shares[i]) for key, i in keys.items()}
    alone = map_statistics.channel_shares(brain.alone, brain.mask)
    values |= {("channel share", n): float(v) for n, v in zip(names, alone, strict=True)}
    if dose:
        pair = importance[brain.mask], brain.images[dose][brain.mask]
        values["rank correlation", dose] = map_statistics.rank_correlation(*pair)
    values["largest change", ""] = float(importance.max())
    return Measured(
        values,
        {key: null[:, i] for key, i in keys.items()},
        {key: float(volumes[i]) for key, i in keys.items()},
    )


def subject_rows(subject: str, found: Measured) -> list[dict[str, Any]]:
    """Return the rows of one subject."""
    rows = []
    for key, value in found.values.items():
        row = {"subject": subject, "measure": key[0], "of": key[1], "value": value, "n": 1}
        rows.append(row | _against(found.null.get(key), value, found.volumes.get(key)))
    return rows


def cohort_rows(
    found: Sequence[Measured], *, samples: int, confidence: float, seed: int
) -> list[dict[str, Any]]:
    """Return the rows over all subjects: means with intervals; the null is that of the mean."""
    rows = []
    for key in found[0].values:
        values = np.array([f.values[key] for f in found])
        rng = np.random.default_rng(seed)
        mean = map_statistics.mean_interval(values, samples=samples, confidence=confidence, rng=rng)
        row = {"subject": EVERYONE, "measure": key[0], "of": key[1], **mean._asdict()}
        row["n"] = int(np.isfinite(values).sum())
        drawn = [f.null[key] for f in found if key in f.null and len(f.null[key])]
        null = np.mean(drawn, axis=0) if drawn else None
        volumes = [f.volumes[key] for f in found if key in f.volumes]
        rows.append(row | _against(null, mean.value, float(np.mean(volumes)) if volumes else None))
    return rows


def _against(null: NDArray | None, value: float, volume: float | None) -> dict[str, Any]:
    if null is None:
        return {}
    found = map_statistics.chance(value, null)
    return {
        "null_mean": found.mean, "null_sd": found.sd, "z": found.z, "p": found.p,
        "volume_share": volume,
    }  # fmt: skip


def load_brain(job: step.Job, paths: Mapping[str, Path], images: Mapping[str, Path]) -> Brain:
    """Read a subject's volumes, all on the mask's grid, and cut them to the brain."""
    mask = job.load(paths["mask"])
    box = box_around(mask.data > 0)

    def cut(path: Path, *, parts: bool = False) -> NDArray:
        volume = job.load(path, parts=parts)
        flat = Volume(volume.data[..., 0] if volume.data.ndim == 4 else volume.data, volume.affine)
        require_same_space(flat, mask, f"{path.name} and the brain mask")
        return volume.data[box]

    alone = cut(paths["alone"], parts=True)
    return Brain(
        cut(paths["map"]),
        alone if alone.ndim == 4 else alone[..., None],
        {name: cut(path) for name, path in images.items()},
        mask.data[box] > 0,
        mask.spacing_mm,
    )


def files_of(args: Any, channels: Sequence[str]) -> dict[str, tuple[dict, dict]]:
    """Return the files of each subject: its own ones by name, and its images by channel.

    The images are those of the first channel of all subjects, then those of the next one.

    Raises
    ------
    ValueError
        The lists are not equally long, or a file lies in another subject's folder.
    """
    single = {"map": args.maps, "alone": args.channel_maps, "record": args.map_records,
              "mask": args.masks}  # fmt: skip
    if args.ledgers:
        single["ledger"] = args.ledgers
    subjects = json.loads(args.subjects)
    n, many = len(subjects), len(channels)
    if {len(v) for v in single.values()} != {n} or len(args.images) != n * many:
        raise ValueError(
            f"{n} subjects, but {[len(v) for v in single.values()]} files of {list(single)} and "
            f"{len(args.images)} images of {many} channels; pass one of each for every subject"
        )
    found = {}
    for i, subject in enumerate(subjects):
        own = {name: paths[i] for name, paths in single.items()}
        images = dict(zip(channels, args.images[i::n], strict=True))
        if any(p.absolute().parent.name != subject for p in (own["mask"], *images.values())):
            raise ValueError(f"mask and images of {subject} do not stand at the place of its map")
        found[subject] = (own, images)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read maps, images, masks and ledgers of all test subjects; write one table."""
    inputs = ("maps*", "channel-maps*", "map-records*", "images*", "masks*", "ledgers*")
    values = ("subjects", "ablation", "channels", "kinds", "enhancement", "quantity")
    with step.Job("occlusion_summary", argv, inputs=inputs, values=values) as job:
        args, s = job.args, OcclusionSummary.model_validate(job.settings)
        kinds, pair = by_name(args.channels, args.kinds), json.loads(args.enhancement)
        dose = next((name for name, kind in kinds.items() if kind.in_gy), None)
        rows, measured = [], []
        files = files_of(args, list(kinds))
        for i, (subject, (paths, images)) in enumerate(files.items()):
            brain = load_brain(job, paths, images)
            names = job.read_record(paths["record"])["facts"]["channels"]
            ledger = job.read_record(paths["ledger"])["facts"]["ledger"] if dose else {}
            physical = args.quantity == "physical"
            found = regions(
                brain.images, brain.mask, dose, pair, spacing_mm=brain.spacing_mm,
                prescription_gy=ledger.get("prescription_gy"), physical=physical,
            )  # fmt: skip
            rng = np.random.default_rng([s.seed, *subject.encode()])
            measured.append(measure(brain, found, dose, names, shifts=s.shifts, rng=rng))
            rows += subject_rows(subject, measured[-1])
            job.fact(subject, found.facts)
            job.say(f"{args.ablation}: {i + 1}/{len(files)} subjects")
        rows += cohort_rows(
            measured, samples=s.bootstrap_samples, confidence=s.confidence, seed=s.seed
        )
        table = pd.DataFrame([{"ablation": args.ablation, **row} for row in rows])
        table = table.reindex(columns=list(COLUMNS))
        tsv.write(job.stage(args.out), table)
