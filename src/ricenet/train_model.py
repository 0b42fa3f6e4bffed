"""Train one model: one ablation, one fold.

Tensors are ``(B, C, X, Y, Z)``. Every random number follows from the seed, the ablation, the fold,
the epoch and the subject, so that a run that is interrupted and resumed ends with the same weights.
Only training subjects of the manifest are opened; test subjects never are.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from torch import nn

from ricenet import augment, caches, checkpoint, loading, model, program, provenance, step
from ricenet.augment import derive_seed
from ricenet.checkpoint import State
from ricenet.device import choose_device
from ricenet.epoch import Way, be_deterministic, choose_way, train_epoch, use_bf16, validate
from ricenet.loading import Subjects
from ricenet.means import choose_means
from ricenet.sampling import draw_subjects, sample_seeds, split_fold


def train(
    job: step.Job,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    training: Subjects,
    validation: Subjects,
    *,
    facts: dict[str, Any],
    way: Way,
    resume: Path,
) -> None:
    """Train until all epochs are done; ``state`` says where to begin and gathers the results."""
    s, size = job.settings, job.settings["batch_size"]
    samples = -(-len(training.names) // size) * size  # drawn anew anyway: every batch is full
    with checkpoint.Writer() as writer:
        while state.epoch < s["epochs"]:
            started = time.monotonic()
            seed = derive_seed(s["seed"], "order", job.args.ablation, job.args.fold, state.epoch)
            order = draw_subjects(training.labels, samples, seed=seed)
            seeds = sample_seeds(s["seed"], [training.names[i] for i in order], state.epoch)
            change = augmentation(seeds, job, facts)
            losses = train_epoch(
                network, optimizer, training, order, way=way, batch_size=size, change=change
            )
            logits = validate(network, validation, way=way)  # (N, 2)
            labels = validation.labels
            note_epoch(state, losses, logits, labels, s["learning_rate"])
            if state.epoch % s["checkpoint_epochs"] == 0 and state.epoch < s["epochs"]:
                writer.save(resume, network, optimizer, state)
            say_progress(job, state, seconds=time.monotonic() - started)


def augmentation(
    seeds: Sequence[int], job: step.Job, facts: dict[str, Any]
) -> Callable[[torch.Tensor, slice], torch.Tensor]:
    """Give the function that changes a part of an epoch's samples, each by its seed."""
    shape, spacing_mm, kinds = facts["shape"], facts["spacing_mm"], facts["kinds"]
    places = caches.ablation_places(facts, job.args.ablation)
    ranges = job.settings["augmentation"]

    def change(batch: torch.Tensor, part: slice) -> torch.Tensor:
        draws = [
            augment.draw(seed, shape=shape, spacing_mm=spacing_mm, kinds=kinds, **ranges)
            for seed in seeds[part]
        ]
        return augment.apply(batch, draws, places=places, spacing_mm=spacing_mm)

    return change


def note_epoch(
    state: State,
    losses: torch.Tensor,
    logits: torch.Tensor,
    labels: torch.Tensor,
    learning_rate: float,
) -> None:
    """Add an epoch's results to the state, and to its best epoch if it is that.

    Best is the highest macro F1 on the validation fold; the lower loss decides where it is equal.

    Parameters
    ----------
    losses : (batches,) tensor
        Of the training.
    logits, labels : (N, 2) float32 tensor, (N,) int64 tensor
        Of the validation subjects.
    """
    loss = F.cross_entropy(logits, labels).item()
    if not math.isfinite(loss + losses.sum().item()):
        raise ValueError(f"the loss is no number in epoch {state.epoch + 1}; lower learning_rate")
    rice = torch.softmax(logits, dim=1)[:, 1].tolist()
    f1 = macro_f1(labels.tolist(), [int(p > 0.5) for p in rice])
    state.epoch += 1
    state.last = rice
    state.history.append(
        {
            "epoch": state.epoch,
            "train_loss": losses.mean().item(),
            "validation_loss": loss,
            "validation_macro_f1": f1,
            "learning_rate": learning_rate,
        }
    )
    rank = [-1.0 if math.isnan(f1) else f1, -loss]
    if not state.best or rank > state.best["rank"]:
        state.best = {"epoch": state.epoch, "rank": rank, "probabilities": state.last}


def macro_f1(labels: Sequence[int], predicted: Sequence[int]) -> float:
    """Macro F1; NaN where the labels are all of one class.

    Not from :mod:`ricenet.metrics`: an edit there must not train all models again.
    """
    return f1_score(labels, predicted, average="macro") if set(labels) == {0, 1} else math.nan


def say_progress(job: step.Job, state: State, *, seconds: float) -> None:
    """Show a line about every twentieth of the epochs."""
    epochs, now = job.settings["epochs"], state.history[-1]
    if state.epoch % max(1, epochs // 20) == 0 or state.epoch == epochs:
        left = timedelta(seconds=round(seconds * (epochs - state.epoch)))
        job.say(
            f"{job.args.ablation}  epoch {state.epoch}/{epochs}  loss {now['train_loss']:.4f}  "
            f"validation loss {now['validation_loss']:.4f}  "
            f"macro F1 {now['validation_macro_f1']:.3f}  {seconds:.2f} s/epoch  {left} left"
        )


def predictions(state: State, validation: Subjects, identity: dict[str, Any]) -> pd.DataFrame:
    """Table of validation probabilities after the last and after the best epoch."""
    common = {name: identity[name] for name in ("ablation", "fold")}
    subjects = {"subject": validation.names, "label": validation.labels.tolist()}
    last = {"epoch": state.epoch, "which": "last", **subjects, "probability_rice": state.last}
    best = {"epoch": state.best["epoch"], "which": "best", **subjects}
    best["probability_rice"] = state.best["probabilities"]
    return pd.concat([pd.DataFrame({**common, **part}) for part in (last, best)])


def describe(job: step.Job, facts: dict[str, Any]) -> dict[str, Any]:
    """Gather all that the weights follow from, besides the hardware."""
    settings = json.dumps(job.settings, sort_keys=True, separators=(",", ":"))
    return {
        "ablation": job.args.ablation,
        "fold": int(job.args.fold),
        "channels": job.args.ablation.split("-"),
        "seed": job.settings["seed"],
        "settings": hashlib.sha256(settings.encode()).hexdigest(),
        "manifest": provenance.bytes_digest(job.args.manifest),
        "code": provenance.code_hash("ricenet.train_model"),
        "in_channels": len(caches.ablation_places(facts, job.args.ablation)),
        **job.settings["model"],
    }


def start(
    s: dict[str, Any], identity: dict[str, Any], device: torch.device
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Network with random weights of its own seed, and its optimiser."""
    torch.manual_seed(derive_seed(s["seed"], "weights", identity["ablation"], identity["fold"]))
    network = model.build(identity["in_channels"], **s["model"]).to(device)
    rate, decay = s["learning_rate"], s["weight_decay"]
    fused = device.type == "cuda"  # one kernel; on a CPU the plain loop's own arithmetic
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay, fused=fused)
    return network, optimizer


def main(argv: Sequence[str] | None = None) -> None:
    """Read the manifest and the caches of the folds, train, write model, history, predictions."""
    outputs, values = ("out", "history", "predictions"), ("ablation", "fold")
    with step.Job("train_model", argv, inputs=("manifest",), outputs=outputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        table, facts = caches.read_manifest(job.args.manifest)
        identity = describe(job, facts)
        rows = split_fold(table, identity["fold"])
        places = caches.ablation_places(facts, identity["ablation"])
        device = choose_device(job.settings["device"])
        means = choose_means(
            job.settings, sum(map(len, rows)), facts["shape"], identity["in_channels"]
        )
        identity["samples_at_once"] = means.samples  # batch norm sees so many
        training, validation = (
            loading.load_subjects(
                part, facts, places=places, device=device, resident=means.resident
            )
            for part in rows
        )
        if job.settings["deterministic"]:
            be_deterministic()
        network, optimizer = start(job.settings, identity, device)
        way = choose_way(
            network,
            device,
            samples=means.samples,
            bf16=use_bf16(job.settings["precision"], device),
            small_stem=means.small_stem,
        )
        resume = checkpoint.resume_path(job.args.out.parent, identity)
        state = checkpoint.load(resume, network, optimizer)
        if state.epoch:
            job.say(f"resumed after epoch {state.epoch}")
        train(
            job,
            network,
            optimizer,
            state,
            training,
            validation,
            facts=facts,
            way=way,
            resume=resume,
        )
        identity["epoch"] = state.epoch
        model.save_model(job.stage(job.args.out), network, metadata=identity)
        history, found = pd.DataFrame(state.history), predictions(state, validation, identity)
        history.to_csv(job.stage(job.args.history), sep="\t", index=False, na_rep="nan")
        found.to_csv(job.stage(job.args.predictions), sep="\t", index=False)
        for name, part in zip(("training_subjects", "validation_subjects"), rows, strict=True):
            job.fact(name, part["digest"].to_dict())
        best = state.best["epoch"]
        job.facts |= {"model": identity, "device": device.type, "best_epoch": best}
        job.facts |= means._asdict()
    checkpoint.remove_all(job.args.out.parent)


if __name__ == "__main__":
    program.run(main)
