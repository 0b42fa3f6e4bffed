"""One network, asked in several ways: precision, and statistics of the batch norms.

    make phantom-study
    python benchmarks/inference.py --configfile config/phantoms/config.yaml --ablations dose

Trains all folds of some input combinations anew by the workflow's own program, from the manifest of
a finished study, with several batch sizes; then asks each model about its validation fold

- with running statistics, in fp32 and in bf16,
- with the statistics of the batch that a subject happens to be in (as in training; ten draws),
- with statistics recomputed over the unchanged training subjects (Wu & Johnson, arXiv 2105.07576).

Two trainings side by side, one thread each.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from torch import nn
from tqdm import tqdm

from ricenet.cohort import dataset, loading
from ricenet.networks import inference, weights
from ricenet.study import study
from ricenet.train.sampler import split_fold

CPU = torch.device("cpu")
DRAWS = 10


def train(manifest: Path, folder: Path, settings: dict, ablation: str, fold: int) -> Path:
    """Train a model by the workflow's program; its file."""
    out = folder / f"{ablation}-{settings['batch_size']}-{fold}"
    subprocess.run(
        [
            sys.executable, "-m", "ricenet", "train_model",
            "--manifest", manifest, "--ablation", ablation, "--fold", str(fold),
            "--out", out / "model.safetensors", "--history", out / "history.tsv",
            "--predictions", out / "predictions.tsv", "--record", out / "model.json",
            "--settings", json.dumps(settings), "--log", out / "log", "--threads", "1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return out / "model.safetensors"


def rice(network: nn.Module, volumes: torch.Tensor, precision: str = "fp32") -> np.ndarray:
    """(N,) probability of RICE, running statistics."""
    found = inference.probabilities(network.eval(), volumes.float(), precision=precision)
    return found[:, 1].numpy()


@torch.no_grad()
def rice_by_batch(network: nn.Module, volumes: torch.Tensor, size: int, seed: int) -> np.ndarray:
    """(N,) the same with the statistics of batches drawn at random, each subject in one of them."""
    order = torch.randperm(len(volumes), generator=torch.Generator().manual_seed(seed))
    order = torch.cat([order, order[: -len(order) % size]])
    network, found = copy.deepcopy(network).train(), np.zeros(len(volumes))
    for part in order.split(size):
        logits = network(volumes[part].float())
        found[part.numpy()] = torch.softmax(logits, dim=1)[:, 1].numpy()
    return found


@torch.no_grad()
def recomputed(network: nn.Module, volumes: torch.Tensor, size: int) -> nn.Module:
    """Network whose running statistics are the means over the batches of the training subjects."""
    network = copy.deepcopy(network)
    parts = [part.float() for part in volumes.split(size) if len(part) == size]
    torch.optim.swa_utils.update_bn(parts, network)
    return network


def ask(manifest: Path, path: Path, batch_size: int) -> Iterator[pd.DataFrame]:
    """Probabilities of a model's validation fold, a table for each way of asking."""
    table, facts = dataset.read_manifest(manifest)
    network, said = weights.load_model(path, device=CPU)
    places = facts.places(said["ablation"])
    rows = split_fold(table, said["fold"])
    training, validation = (
        loading.load_subjects(part, facts, places=places, device=CPU) for part in rows
    )
    volumes = validation.volumes
    ways = {
        "running statistics, fp32": rice(network, volumes),
        "running statistics, bf16": rice(network, volumes, "bf16"),
        "recomputed statistics, fp32": rice(
            recomputed(network, training.volumes, batch_size), volumes
        ),
        **{
            f"batch statistics, fp32, draw {i}": rice_by_batch(network, volumes, batch_size, i)
            for i in range(DRAWS)
        },
    }
    for way, found in ways.items():
        yield pd.DataFrame(
            {
                "ablation": said["ablation"], "batch_size": batch_size, "way": way,
                "subject": validation.names, "label": validation.labels.numpy(), "rice": found,
            }
        )  # fmt: skip


def figures(found: pd.DataFrame) -> dict[str, float]:
    """Metrics over all folds together."""
    labels, said = found["label"], found["rice"].clip(1e-6, 1 - 1e-6)
    return {
        "macro F1": f1_score(labels, said > 0.5, average="macro"),
        "AUC": roc_auc_score(labels, said),
        "log loss": log_loss(labels, said),
    }


def summary(found: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of the table: how each way differs from running statistics in fp32."""
    found = found.assign(way=found["way"].str.replace(r", draw \d+", "", regex=True))
    draws = found.groupby(["ablation", "batch_size", "way", "subject"]).cumcount()
    for (ablation, size), part in found.groupby(["ablation", "batch_size"], sort=False):
        usual = part[part["way"] == "running statistics, fp32"].set_index("subject")["rice"]
        for way, rows in part.groupby("way", sort=False):
            each = [figures(draw) for _, draw in rows.groupby(draws[rows.index])]
            change = rows["rice"].to_numpy() - usual.loc[rows["subject"]].to_numpy()
            turned = (rows["rice"] > 0.5).to_numpy() != (
                usual.loc[rows["subject"]] > 0.5
            ).to_numpy()
            means = (f"{np.mean([e[name] for e in each]):.3f}" for name in each[0])
            yield (
                ablation, str(size), str(way), *means, f"{np.abs(change).mean():.4f}",
                f"{np.abs(change).max():.4f}", f"{100 * turned.mean():.1f} %",
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", required=True)
    parser.add_argument("--manifest", type=Path, help="of another study with the same channels")
    parser.add_argument("--ablations", nargs="+", required=True)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--side-by-side", type=int, default=2)
    parser.add_argument("--out", type=Path, help="table of all probabilities")
    args = parser.parse_args()
    torch.set_num_threads(args.side_by_side)
    place = study.from_files(args.configfile)
    manifest = args.manifest or Path(place.cohort_root, "manifest.tsv")
    settings = json.loads(place.settings("train_model"))
    jobs = list(product(args.ablations, args.batch_sizes, place.folds))
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(args.side_by_side) as pool:
        running = [
            pool.submit(
                train, manifest, Path(name), settings | {"batch_size": size}, ablation, fold
            )
            for ablation, size, fold in jobs
        ]
        found = pd.concat(
            table
            for (_, size, _), job in zip(jobs, tqdm(running, unit="model"), strict=True)
            for table in ask(manifest, job.result(), size)
        ).reset_index(drop=True)
    if args.out:
        found.to_csv(args.out, sep="\t", index=False)
    print(f"\n{found['subject'].nunique()} subjects, {len(place.folds)} folds, out of fold\n")
    print(
        "| inputs | batch | asked with | macro F1 | AUC | log loss | mean change of p | largest | "
        "other class |\n|" + "---|" * 9
    )
    for row in summary(found):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
