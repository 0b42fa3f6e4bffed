"""Train one model: one ablation, one fold.

Tensors are ``(B, C, X, Y, Z)``. Every random number follows from the seed, the ablation, the fold,
the epoch and the subject, so that a run that is interrupted and resumed ends with the same weights.
Only training subjects of the manifest are opened; test subjects never are.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from ricenet import step
from ricenet.cohort import dataset, loading
from ricenet.cohort.loading import Subjects
from ricenet.networks import model
from ricenet.networks.device import choose_device, first_line, out_of_memory, share_memory
from ricenet.networks.device import describe as describe_device
from ricenet.provenance import digests, steps
from ricenet.train import augment, checkpoint, fit_to_device, gradient_gate
from ricenet.train.augment import derive_seed
from ricenet.train.checkpoint import State
from ricenet.train.epoch import be_deterministic, recompute_norms, train_epoch, validate
from ricenet.train.fit_to_device import Execution
from ricenet.train.history import check_gradients, note_epoch, predictions
from ricenet.train.sampler import draw_subjects, sample_seeds, split_fold


def train(
    job: step.Job,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    training: Subjects,
    validation: Subjects,
    *,
    facts: dict[str, Any],
    execution: Execution,
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
            try:
                losses, norms = train_epoch(
                    network,
                    optimizer,
                    training,
                    order,
                    execution=execution,
                    batch_size=size,
                    change=change,
                )
                check_gradients(network, norms, epoch=state.epoch + 1)
                logits = validate(
                    network,
                    validation,
                    samples=execution.samples,
                    precision=s["validation_precision"],
                )  # (N, 2)
            except RuntimeError as error:  # the trial step ran: this is the device, not the code
                raise ValueError(device_failed(error, state.epoch, s, resume)) from error
            note_epoch(state, losses, norms, logits, validation.labels, s["learning_rate"])
            if state.epoch % s["checkpoint_epochs"] == 0 and state.epoch < s["epochs"]:
                writer.save(resume, network, optimizer, state)
            say_progress(job, state, seconds=time.monotonic() - started)


def augmentation(
    seeds: Sequence[int], job: step.Job, facts: dict[str, Any]
) -> Callable[[torch.Tensor, slice], torch.Tensor]:
    """Give the function that changes a part of an epoch's samples, each by its seed."""
    shape, spacing_mm, kinds = facts["shape"], facts["spacing_mm"], facts["kinds"]
    places = dataset.ablation_places(facts, job.args.ablation)
    ranges = job.settings["augmentation"]

    def change(batch: torch.Tensor, part: slice) -> torch.Tensor:
        draws = [
            augment.draw(seed, shape=shape, spacing_mm=spacing_mm, kinds=kinds, **ranges)
            for seed in seeds[part]
        ]
        return augment.apply(batch, draws, places=places, spacing_mm=spacing_mm)

    return change


def device_failed(error: RuntimeError, epochs: int, s: dict[str, Any], resume: Path) -> str:
    """Message for an error of the device in the middle of a training."""
    kept = epochs - epochs % s["checkpoint_epochs"] if resume.is_file() else 0
    what = "its memory ran out" if out_of_memory(error) else type(error).__name__
    return (
        f"the device failed in epoch {epochs + 1}: {what}: {first_line(error)}; "
        f"look for other programs on it, then start the same command again: it goes on after "
        f"epoch {kept}"
    )


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


def describe(job: step.Job, facts: dict[str, Any]) -> dict[str, Any]:
    """Gather all that the weights follow from, besides the hardware."""
    settings = json.dumps(job.settings, sort_keys=True, separators=(",", ":"))
    return {
        "ablation": job.args.ablation,
        "fold": int(job.args.fold),
        "channels": job.args.ablation.split("-"),
        "seed": job.settings["seed"],
        "settings": hashlib.sha256(settings.encode()).hexdigest(),
        "manifest": digests.bytes_digest(job.args.manifest),
        "code": steps.code_hash("train_model"),
        "in_channels": len(dataset.ablation_places(facts, job.args.ablation)),
        "validation_precision": job.settings["validation_precision"],
        **job.settings["model"],
    }


def finish_norms(
    network: nn.Module,
    state: State,
    training: Subjects,
    validation: Subjects,
    execution: Execution,
    s: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Recompute the statistics of the batch norms, and the last predictions with them."""
    recompute_norms(network, training, samples=execution.samples, say=say)
    logits = validate(
        network, validation, samples=execution.samples, precision=s["validation_precision"]
    )
    state.last = torch.softmax(logits, dim=1)[:, 1].tolist()


def load_on(
    device: torch.device,
    rows: pd.DataFrame,
    *,
    resident: bool,
    say: Callable[[str], None],
    **how: Any,
) -> Subjects:
    """Load subjects to a device, or to the host where they do not fit beside its other users."""
    if resident:
        try:
            return loading.load_subjects(rows, device=device, resident=True, say=say, **how)
        except torch.OutOfMemoryError as error:
            say(f"the subjects stay on the host: {first_line(error)}")
            torch.cuda.empty_cache()
    return loading.load_subjects(rows, device=device, resident=False, say=say, **how)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the manifest and the caches of the folds, train, write model, history, predictions."""
    outputs, values = ("out", "history", "predictions"), ("ablation", "fold")
    with step.Job("train_model", argv, inputs=("manifest",), outputs=outputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        table, facts = dataset.read_manifest(job.args.manifest)
        identity, s = describe(job, facts), job.settings
        rows = split_fold(table, identity["fold"])
        places = dataset.ablation_places(facts, identity["ablation"])
        device, channels = choose_device(s["device"]), identity["in_channels"]
        if s["deterministic"]:
            be_deterministic()
        share_memory(device, s["memory_gb"])
        subjects = sum(map(len, rows))
        fit = fit_to_device.planned(s, subjects, facts["shape"], channels)
        settled = gradient_gate.pass_gate(
            fit,
            settings=s,
            subjects=subjects,
            channels=channels,
            shape=facts["shape"],
            say=job.say,
        )
        fit = settled.fit
        job.facts["processor"] = describe_device(device)
        load = partial(load_on, device, facts=facts, places=places, say=job.say)
        training, validation = (load(part, resident=fit.resident) for part in rows)
        identity["execution"] = fit._replace(resident=True)._asdict()  # where they lie is the same
        seed = derive_seed(s["seed"], "weights", identity["ablation"], identity["fold"])
        network, optimizer = fit_to_device.start(s, channels, device, seed=seed, fused=fit.fused)
        execution = fit_to_device.prepare(network, fit)
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
            execution=execution,
            resume=resume,
        )
        if s["norm_statistics"] == "recomputed":
            finish_norms(network, state, training, validation, execution, s, job.say)
        identity["epoch"] = state.epoch
        model.save_model(job.stage(job.args.out), network, metadata=identity)
        history, found = pd.DataFrame(state.history), predictions(state, validation, identity)
        history.to_csv(job.stage(job.args.history), sep="\t", index=False, na_rep="nan")
        found.to_csv(job.stage(job.args.predictions), sep="\t", index=False)
        for name, part in zip(("training_subjects", "validation_subjects"), rows, strict=True):
            job.fact(name, part["digest"].to_dict())
        best = state.best["epoch"]
        job.facts |= {"model": identity, "device": device.type, "best_epoch": best}
        job.facts |= {**fit._asdict(), "gradient_gate": gradient_gate.facts(settled)}
        layer, error, limit = gradient_gate.worst(settled)
        job.check("gradient-error", error / limit, at_most=1, unit=f"of what {layer} may have")
    checkpoint.remove_all(job.args.out.parent)
