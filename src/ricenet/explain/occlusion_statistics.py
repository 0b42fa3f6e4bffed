"""What the occlusion maps of a cohort's test subjects can show, beside networks that cannot know.

From each model's answers to hidden cubes (:mod:`ricenet.explain.occlusion_cubes`), of the trained
networks and of the controls; :mod:`ricenet.explain.map_table` holds the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet import step
from ricenet.channels import by_name
from ricenet.config.explain import OcclusionStatistics
from ricenet.explain import cube_values, map_changes, map_statistics, map_table
from ricenet.explain.map_regions import regions
from ricenet.image.volume import require_same_space
from ricenet.provenance import tsv

KINDS_OF_CONTROLS = ("untrained", "permutation")


class Patient(NamedTuple):
    """A subject's regions (X, Y, Z), which of them there are, and how their limits were found."""

    codes: NDArray
    there: list[str]
    facts: dict[str, Any]


def files_of(args: Any, channels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the files of each subject: its own ones by name, and its images by channel.

    Raises
    ------
    ValueError
        The lists are not equally long, or a file lies in another subject's folder.
    """
    subjects, controls = json.loads(args.subjects), json.loads(args.controls)
    n = len(subjects)
    lists = {"cubes": (args.cubes, 1), "masks": (args.masks, 1), "images": (args.images, channels),
             "ledgers": (args.ledgers, 1 if args.ledgers else 0),
             "control cubes": (args.control_cubes, controls)}  # fmt: skip
    for what, (paths, each) in lists.items():
        wanted = n * (each if isinstance(each, int) else len(each))
        if len(paths) != wanted:
            raise ValueError(f"{len(paths)} {what} for {n} subjects; {wanted} are needed")
    found = {}
    for i, subject in enumerate(subjects):
        images = dict(zip(channels, args.images[i::n], strict=True))
        if any(p.absolute().parent.name != subject for p in (args.masks[i], *images.values())):
            raise ValueError(f"mask and images of {subject} do not stand at the place of its cubes")
        found[subject] = {
            "mask": args.masks[i], "images": images, "cubes": args.cubes[i],
            "ledger": args.ledgers[i] if args.ledgers else None,
            "controls": dict(zip(controls, args.control_cubes[i::n], strict=True)),
        }  # fmt: skip
    return found


def load_patient(
    job: step.Job, paths: Mapping[str, Any], dose: str | None, pair: Sequence[str], physical: bool
) -> Patient:
    """Read a subject's mask and images, and find its regions."""
    mask = job.load(paths["mask"])

    def read(path: Path) -> NDArray:
        volume = job.load(path)
        require_same_space(volume, mask, f"{path.name} and mask")
        return volume.data

    needed = {*pair, *([dose] if dose else [])}
    images = {name: read(path) for name, path in paths["images"].items() if name in needed}
    ledger = job.read_record(paths["ledger"])["facts"]["ledger"] if paths["ledger"] else {}
    found = regions(
        images, mask.data > 0, dose, pair, spacing_mm=mask.spacing_mm,
        prescription_gy=ledger.get("prescription_gy"), physical=physical,
    )  # fmt: skip
    return Patient(found.codes.astype(np.uint8), found.there, found.facts)


def maps_of(
    paths: Sequence[Path], patients: Sequence[Patient]
) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield each patient's map of the changes of the logit, and the cubes' changes by model."""
    for path, patient in zip(paths, patients, strict=True):
        values = cube_values.read(path)
        change = map_changes.changes(values.clean, values.hidden)
        brain = patient.codes > 0
        yield map_changes.mean_map(change, values.places, brain, cube=values.cube), change


def main(argv: Sequence[str] | None = None) -> None:
    """Read cubes, images, masks and ledgers of all test subjects; write one table."""
    inputs = ("cubes*", "control-cubes*", "images*", "masks*", "ledgers*")
    values = ("subjects", "controls", "ablation", "channels", "kinds", "enhancement", "quantity")
    with step.Job("occlusion_statistics", argv, inputs=inputs, values=values) as job:
        args, s = job.args, OcclusionStatistics.model_validate(job.settings)
        kinds, pair = by_name(args.channels, args.kinds), json.loads(args.enhancement)
        dose = next((name for name, kind in kinds.items() if kind.in_gy), None)
        files = files_of(args, list(kinds))
        physical = args.quantity == "physical"
        patients = [load_patient(job, f, dose, pair, physical) for f in files.values()]
        codes, there = [p.codes for p in patients], patients[0].there
        volumes = np.array([map_statistics.shares((c > 0).astype(float), c) for c in codes])

        def measure(paths: Sequence[Path], what: str, draws: int) -> map_table.Maps:
            found = map_table.measured(
                maps_of(paths, patients), codes, draws=draws,
                rng=lambda i: np.random.default_rng([s.seed, i]),
            )  # fmt: skip
            job.say(f"{args.ablation}: maps of {what} measured")
            return found

        trained = measure([f["cubes"] for f in files.values()], map_table.TRAINED, s.draws)
        rows = list(map_table.subject_rows(map_table.TRAINED, trained, list(files), there, volumes))
        controls: dict[str, list[map_table.Maps]] = {kind: [] for kind in KINDS_OF_CONTROLS}
        for control in json.loads(args.controls):
            found = measure([f["controls"][control] for f in files.values()], control, 0)
            controls[control.partition("-")[0]].append(found)
            rows += map_table.subject_rows(control, found, list(files), there, volumes)
        rows += map_table.cohort_rows(
            trained, controls, there, volumes, draws=s.draws, confidence=s.confidence, seed=s.seed
        )
        limits = {s: patient.facts for s, patient in zip(files, patients, strict=True)}
        job.facts |= {"regions": limits, "controls": json.loads(args.controls)}
        tsv.write(job.stage(args.out), map_table.as_table(args.ablation, rows))
