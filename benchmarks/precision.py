"""Half and single precision: do both learn the same? Validation F1 beside the spread of the seeds.

    make phantom-study
    python benchmarks/precision.py --configfile config/phantoms/config.yaml --ablation event-dose

Trains all folds of one input combination anew, from the manifest of a finished study, with each
precision and seed, by the workflow's own program; two trainings side by side.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ricenet.evaluate import results
from ricenet.statistics import confusion, metrics
from ricenet.statistics.cross_validation import nadeau_bengio
from ricenet.study import study

PRECISIONS = ("fp32", "bf16")


def trained(
    place: study.Study, folder: Path, ablation: str, fold: int, precision: str, seed: int
) -> pd.DataFrame:
    """Validation predictions of one model after its last epoch."""
    settings = json.loads(place.settings("train_model")) | {"precision": precision, "seed": seed}
    out = folder / f"{precision}-{seed}-{fold}"
    subprocess.run(
        [
            sys.executable, "-m", "ricenet", "train_model",
            "--manifest", f"{place.cohort_root}/manifest.tsv",
            "--ablation", ablation, "--fold", str(fold),
            "--out", f"{out}/model.safetensors", "--history", f"{out}/history.tsv",
            "--predictions", f"{out}/predictions.tsv", "--record", f"{out}/model.json",
            "--settings", json.dumps(settings), "--log", f"{out}/log", "--threads", "1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    found = pd.read_csv(out / "predictions.tsv", sep="\t")
    return found[found["which"] == "last"].assign(precision=precision, seed=seed)


def rows(found: pd.DataFrame) -> Iterator[tuple[str, int, float, float, float]]:
    """Precision, seed, macro F1 of all folds together, mean and deviation over the folds."""
    for (precision, seed), part in found.groupby(["precision", "seed"]):
        labels, rice = part["label"].to_numpy(), part["probability_rice"].to_numpy()
        pooled = confusion.macro_f1(labels, metrics.predicted_class(rice))
        folds = nadeau_bengio(results.fold_values(part)["macro_f1"], confidence=0.95)
        yield precision, seed, pooled, folds.value, folds.sd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", required=True)
    parser.add_argument("--ablation", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2026, 2027])
    parser.add_argument("--side-by-side", type=int, default=2)
    args = parser.parse_args()
    place = study.from_files(args.configfile)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.side_by_side) as pool:
        running = [
            pool.submit(trained, place, Path(folder), args.ablation, fold, precision, seed)
            for seed in args.seeds
            for precision in PRECISIONS
            for fold in place.folds
        ]
        found = pd.concat([r.result() for r in tqdm(running, unit="model")])
    print(f"\n{args.ablation}, {found['subject'].nunique()} subjects, {len(place.folds)} folds\n")
    print("| precision | seed | macro F1, pooled | mean of folds | deviation of folds |")
    print("|---|---|---|---|---|")
    for precision, seed, *values in rows(found):
        print(f"| {precision} | {seed} | {' | '.join(f'{v:.3f}' for v in values)} |")


if __name__ == "__main__":
    main()
