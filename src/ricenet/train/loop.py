"""The loop of a training: epochs, each with its validation, and resume points between them.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.loading import Subjects
from ricenet.networks.device import first_line, out_of_memory
from ricenet.train import augment, checkpoint
from ricenet.train.augment import derive_seed
from ricenet.train.checkpoint import State
from ricenet.train.epoch import recompute_norms, train_epoch, validate
from ricenet.train.fit_to_device import Execution
from ricenet.train.history import check_gradients, note_epoch
from ricenet.train.sampler import draw_subjects, sample_seeds


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
    """Train until all epochs are done; ``state`` holds where to begin and collects the results."""
    s, size = job.settings, job.settings["batch_size"]
    samples = -(-len(training.names) // size) * size  # drawn at random anyway: every batch is full
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
            except RuntimeError as error:  # the trial step ran: a fault of the device, not the code
                writer.wait()
                raise ValueError(device_failed(error, state.epoch, s, resume)) from error
            note_epoch(state, losses, norms, logits, validation.labels, s["learning_rate"])
            if state.epoch % s["checkpoint_epochs"] == 0 and state.epoch < s["epochs"]:
                writer.save(resume, network, optimizer, state)
            say_progress(job, state, seconds=time.monotonic() - started)


def augmentation(
    seeds: Sequence[int], job: step.Job, facts: dict[str, Any]
) -> Callable[[torch.Tensor, slice], torch.Tensor]:
    """Return the function that changes a part of an epoch's samples, each by its seed."""
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
    """Return a message for an error of the device in the middle of a training."""
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
