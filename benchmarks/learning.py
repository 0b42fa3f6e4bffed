"""What can be learned from 64 patients: each recipe's share of the way to the perfect reader.

    python benchmarks/learning.py --out results/learning --list
    python benchmarks/learning.py --out results/learning --rows 'intensity/postop/*'

Synthetic patients straight from the generator (``phantom_caches.py``): 64 train, 200 fresh ones are
predicted once (1,000 where the event MRI is the only input). Rows are signal/inputs/recipe[/seed],
see ``learning_recipes.py``; a pattern picks some, without one all that this tree offers are made,
the first the most wanted. Networks are trained by the workflow's own ``train_model``, in float32.
The expected cost is printed first. Each finished row is a JSON file in ``rows/``; the same command
goes on where it was stopped, in the middle of a training too. At the end, and with ``--table``,
the table.

Intervals are over the test patients: how another 64 training patients or another seed would do they
do not say.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import learning_floors as floors
import learning_recipes as recipes
import learning_table
import numpy as np
import phantom_caches
from learning_recipes import NETWORKS, Row
from numpy.typing import NDArray
from phantom_caches import SMALL, Grid

from ricenet.provenance import digests, steps, tsv
from ricenet.provenance.seeds import derive_seed

TRAINING, VALIDATION, TEST, TEST_OF_EVENT = 64, 8, 200, 1000
TRAINING_SEED, TEST_SEED = 7, 1007  # of the patients
SCALE = 1.5
CACHE_COST_S = 3.6  # of the processor, a patient on a canvas of 2 mm
FLOOR_COST_S = 30.0
BATCH = 8
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "monai")


class Cohort(NamedTuple):
    """Patients of one seed: folder of the caches, and the truth of each by name."""

    folder: Path
    truth: dict[str, dict[str, Any]]

    def volumes(self, name: str) -> NDArray:
        """Map a patient's (C, X, Y, Z) float16 volumes."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def labels(self) -> NDArray:
        """Labels in the order of the names, (N,) int array."""
        return np.array([t["label"] for t in self.truth.values()])


def test_size(inputs: str) -> int:
    """Return how many fresh patients a combination of inputs is tested on."""
    return TEST_OF_EVENT if inputs == "event" else TEST


def grid_of(row: Row) -> Grid:
    """Return the voxels that a row is computed on."""
    return NETWORKS[row.recipe].grid if row.recipe in NETWORKS else SMALL


def caches_of(row: Row, seed: int, out: Path) -> Path:
    """Return where the caches of a row's patients lie."""
    spacing = grid_of(row).spacing_mm
    finer = "" if spacing == SMALL.spacing_mm else f"-{spacing:g}mm"
    return out / "caches" / f"{row.signal}-{seed}{finer}"


def cohort(row: Row, seed: int, subjects: int, out: Path) -> Cohort:
    """Make the caches of a cohort that are not there yet."""
    folder = caches_of(row, seed, out)
    truth = phantom_caches.make_cohort(
        folder, subjects=subjects, seed=seed, scale=SCALE, signal=row.signal, grid=grid_of(row)
    )
    return Cohort(folder, truth)


# --- boxes


def centre_of(row: Row, name: str, truth: Mapping[str, Any]) -> NDArray:
    """Return the centre of a patient's box in voxels of the whole volume; moved as asked."""
    moved = NETWORKS[row.recipe].moved_mm / grid_of(row).spacing_mm
    rng = np.random.default_rng(derive_seed(row.seed, "box", name))
    direction = rng.standard_normal(3)
    return np.array(truth["cavity_voxel"]) + moved * direction / np.linalg.norm(direction)


def cut(volumes: NDArray, centre: NDArray, edge: int) -> NDArray:
    """Cut a cube out of (C, X, Y, Z) volumes; 0 where it reaches beyond."""
    start = np.rint(centre - (edge - 1) / 2).astype(int)
    padded = np.pad(volumes, [(0, 0), *[(edge, edge)] * 3])
    x, y, z = (slice(s + edge, s + 2 * edge) for s in start)
    return np.ascontiguousarray(padded[:, x, y, z])


def inputs_of(row: Row, patients: Cohort, folder: Path) -> Cohort:
    """Return the cohort as the row's network sees it: itself, or boxes written to a folder."""
    edge = NETWORKS[row.recipe].box
    if not edge:
        return patients
    folder.mkdir(parents=True, exist_ok=True)
    for name, truth in patients.truth.items():
        box = cut(patients.volumes(name), centre_of(row, name, truth), edge)
        np.save(folder / f"{name}.npy", box, allow_pickle=False)
    return Cohort(folder, patients.truth)


def box_probes(row: Row, training: Cohort, test: Cohort) -> dict[str, list[float]]:
    """Return the scores of the test patients by the box's place alone, and by its brain alone."""

    def of(probe: str, patients: Cohort) -> NDArray:
        return np.array(
            [
                floors.box_features(probe, patients.volumes(name), centre_of(row, name, truth))
                for name, truth in patients.truth.items()
            ]
        )

    return {
        probe: floors.logistic(
            of(probe, training), training.labels(), of(probe, test), seed=row.seed
        ).tolist()
        for probe in ("position", "size")
    }


# --- rows


def write_manifest(work: Path, patients: Cohort, spacing_mm: float) -> Path:
    """Write the manifest of a training: 64 patients, and 8 that change nothing.

    The last epoch counts; the program asks for a fold to validate on all the same.
    """
    rows = [
        {
            "subject": name, "split": "train", "fold": 1 if place < TRAINING else 0,
            "label": truth["label"],
            "cache": os.path.relpath(patients.folder / f"{name}.npy", work),
            "digest": digests.bytes_digest(patients.folder / f"{name}.npy"),
        }
        for place, (name, truth) in enumerate(patients.truth.items())
    ]  # fmt: skip
    import pandas as pd

    path = work / "manifest.tsv"
    tsv.write(path, pd.DataFrame(rows))
    first = patients.volumes(next(iter(patients.truth)))
    facts = {
        "channels": list(phantom_caches.CHANNELS), "kinds": [*phantom_caches.CHANNELS.values()],
        "spacing_mm": spacing_mm, "shape": list(first.shape[1:]),
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps({"facts": facts}), encoding="utf-8")
    return path


def trained(work: Path, row: Row, settings: Mapping[str, Any], patients: Cohort) -> Path:
    """Train a network as the workflow does; return its file. Resumes what was interrupted."""
    manifest = write_manifest(work, patients, grid_of(row).spacing_mm)
    model = work / "model.safetensors"
    if model.exists():
        return model
    command = [
        sys.executable, "-m", "ricenet", "train_model", "--manifest", str(manifest),
        "--ablation", row.inputs, "--fold", "0", "--out", str(model),
        "--history", f"{work}/history.tsv", "--predictions", f"{work}/predictions.tsv",
        "--record", f"{work}/model.json", "--settings", json.dumps(settings),
        "--log", f"{work}/log", "--threads", os.environ.get("OMP_NUM_THREADS", "1"),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"row {row.name}: the training failed: {done.stderr.strip()[-800:]}")
    return model


def predicted(model: Path, inputs: str, patients: Cohort) -> NDArray:
    """Return (N,) probabilities of RICE of fresh patients, in float32."""
    import torch

    from ricenet.networks import inference, weights

    network, _ = weights.load_model(model, device=torch.device("cpu"))
    places = [list(phantom_caches.CHANNELS).index(name) for name in inputs.split("-")]
    found, names = [], list(patients.truth)
    for first in range(0, len(names), BATCH):
        batch = np.stack([patients.volumes(n)[places] for n in names[first : first + BATCH]])
        logits = inference.logits(
            network.eval(), torch.from_numpy(batch.astype(np.float32)), precision="fp32"
        )
        found.append(torch.softmax(logits, 1)[:, 1].numpy())
    return np.concatenate(found)


def by_network(row: Row, out: Path, training: Cohort, test: Cohort) -> dict[str, Any]:
    """Train and predict; return scores, settings and what the training's record says."""
    settings = recipes.settings_of(row)
    code = steps.code_hash("train_model", settings["model"]["network"])
    asked = hashlib.sha256(json.dumps([settings, code]).encode()).hexdigest()[:8]
    work = out / "work" / f"{row.name.replace('/', '_')}-{asked}"
    work.mkdir(parents=True, exist_ok=True)
    here, fresh = (
        inputs_of(row, patients, work / part)
        for part, patients in (("training", training), ("test", test))
    )
    model = trained(work, row, settings, here)
    scores = predicted(model, row.inputs, fresh)
    found: dict[str, Any] = {
        "scores": scores.tolist(), "settings": settings,
        "overrides": dict(NETWORKS[row.recipe].overrides),
        "code": code,
        "last_epoch": tsv.read(work / "history.tsv").iloc[-1].to_dict(),
    }  # fmt: skip
    if NETWORKS[row.recipe].box:
        first = Cohort(here.folder, dict([*here.truth.items()][:TRAINING]))
        found["probes"] = box_probes(row, first, fresh)
    shutil.rmtree(work)
    return found


def by_hand(row: Row, training: Cohort, test: Cohort) -> dict[str, Any]:
    """Fit a floor on the training patients; return the scores of the fresh ones."""
    channels = {name: place for place, name in enumerate(phantom_caches.CHANNELS)}

    def of(patients: Cohort, names: Sequence[str]) -> NDArray:
        found = []
        for name in names:
            stack = patients.volumes(name)
            volumes = {channel: stack[channels[channel]] for channel in row.inputs.split("-")}
            found.append(
                floors.features(row.recipe, volumes, patients.truth[name], grid_of(row).spacing_mm)
            )
        return np.array(found)

    names = list(training.truth)[:TRAINING]
    scores = floors.logistic(
        of(training, names), training.labels()[:TRAINING], of(test, list(test.truth)),
        seed=row.seed,
    )  # fmt: skip
    return {"scores": scores.tolist()}


def provenance() -> dict[str, Any]:
    """Return commit, changes since it, versions."""
    git = ["git", "-C", str(recipes.ROOT)]
    commit, changes = (
        subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout
        for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "src", "benchmarks"])
    )
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "commit": commit.strip(),
        "changed_since": bool(changes.strip()),
        "versions": {"python": platform.python_version(), **versions},
    }


def processor_s() -> float:
    """Return seconds of the processor of this program and those that it started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def make_row(row: Row, out: Path) -> None:
    """Make one row and store it."""
    training = cohort(row, TRAINING_SEED, TRAINING + VALIDATION, out)
    test = cohort(row, TEST_SEED, test_size(row.inputs), out)
    began, spent = time.monotonic(), processor_s()
    if row.recipe in NETWORKS:
        found = by_network(row, out, training, test)
    else:
        found = by_hand(row, training, test)
    record = {
        **row._asdict(), **found, **provenance(),
        "training_patients": TRAINING, "patient_seeds": [TRAINING_SEED, TEST_SEED], "scale": SCALE,
        "labels": test.labels().tolist(),
        "perfect": [floors.perfect_score(t, row.inputs) for t in test.truth.values()],
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(processor_s() - spent, 1),
    }  # fmt: skip
    path = file_of(row, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(path)


def file_of(row: Row, out: Path) -> Path:
    """Return where a finished row lies."""
    return out / "rows" / f"{row.name.replace('/', '_')}.json"


# --- the program


def chosen(patterns: Sequence[str]) -> list[Row]:
    """Return the rows that patterns name, in their order; a whole name need not be in the list."""
    known, found = list(recipes.order()), []
    if not patterns:
        return known
    for pattern in patterns:
        if set(pattern) & set("*?["):
            wanted = [
                r for r in known
                if fnmatch.fnmatch(r.name, pattern) or fnmatch.fnmatch(r.name, f"{pattern}/*")
            ]  # fmt: skip
            if not wanted:
                raise ValueError(f"no row is like {pattern!r}; --list shows them")
            found += wanted
        else:
            found.append(recipes.parse(pattern))
    return list(dict.fromkeys(found))


def cost_s(rows: Sequence[Row], out: Path) -> dict[str, float]:
    """Return the expected seconds of the processor: patients, then each row."""
    wanted: dict[Path, int] = {}
    for row in rows:
        for seed, n in ((TRAINING_SEED, TRAINING + VALIDATION), (TEST_SEED, test_size(row.inputs))):
            folder = caches_of(row, seed, out)
            wanted[folder] = max(wanted.get(folder, 0), n)
    missing = sum(max(0, n - len([*folder.glob("P*.npy")])) for folder, n in wanted.items())
    return {f"{missing} patients to be made": CACHE_COST_S * missing} | {
        row.name: NETWORKS[row.recipe].cost_s if row.recipe in NETWORKS else FLOOR_COST_S
        for row in rows
    }


def say_cost(rows: Sequence[Row], out: Path) -> None:
    """Print what is to be done and what it takes."""
    costs = cost_s(rows, out)
    for name, seconds in costs.items():
        print(f"{seconds:8.0f} s  {name}")
    total = sum(costs.values())
    print(f"{total:8.0f} s  of one core in all, {total / 3600:.1f} hours, if nothing else runs")


def records(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the finished rows."""
    for path in sorted((out / "rows").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", default=[], help="signal/inputs/recipe, or a pattern")
    parser.add_argument("--list", action="store_true", help="rows and cost only")
    parser.add_argument("--table", action="store_true", help="the table of the finished rows only")
    args = parser.parse_args()
    if args.table:
        print(learning_table.table(list(records(args.out))))
        return
    possible, refused = recipes.offered(chosen(args.rows))
    exact = [name for name in refused if any(name in (p, f"{p}/{recipes.SEED}") for p in args.rows)]
    for name in exact:
        raise ValueError(refused[name])
    for name, why in refused.items():
        print(f"not made: {name}: {why}")
    todo = [row for row in possible if not file_of(row, args.out).exists()]
    print(f"{len(possible) - len(todo)} rows are there, {len(todo)} to be made")
    say_cost(todo, args.out)
    if args.list:
        return
    for row in todo:
        print(f"{time.strftime('%H:%M:%S')}  {row.name}", flush=True)
        make_row(row, args.out)
    print(learning_table.table(list(records(args.out))))


if __name__ == "__main__":
    try:
        main()
    except ValueError as problem:
        sys.exit(f"learning: {problem}")
