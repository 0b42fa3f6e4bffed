"""The loop of a training: epochs, each with its validation, and resume points between them.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ricenet.cohort.loading import Subjects
from ricenet.config.train import TrainModel
from ricenet.networks.device import first_line, out_of_memory
from ricenet.provenance.seeds import derive_seed
from ricenet.train import checkpoint, schedule
from ricenet.train.augment import Setup
from ricenet.train.averaging import counted
from ricenet.train.checkpoint import State
from ricenet.train.epoch import Order, recompute_norms, train_epoch, validate
from ricenet.train.fit_to_device import Execution
from ricenet.train.history import check_gradients, note_epoch
from ricenet.train.sampler import draw_subjects, sample_seeds


class Training(NamedTuple):
    """One training: what its weights follow from, besides the subjects and the device.

    Attributes
    ----------
    settings : TrainModel
    ablation : str
        Names of the input channels, joined.
    fold : int
        That it is validated on.
    setup : Setup
        How its samples are changed.
    """

    settings: TrainModel
    ablation: str
    fold: int
    setup: Setup

    def order(self, subjects: Subjects, epoch: int) -> Order:
        """Draw the samples of an epoch: subjects, and the seed of the changes of each."""
        s, size = self.settings, self.settings.batch_size
        count = -(-len(subjects.names) // size) * size  # drawn anyway: every batch is full
        seed = derive_seed(s.seed, "order", self.ablation, self.fold, epoch)
        places = draw_subjects(subjects.labels, count, seed=seed)
        return Order(places, sample_seeds(s.seed, [subjects.names[i] for i in places], epoch))

    def seed_layers(self, epoch: int) -> None:
        """Let what layers draw in an epoch follow from the seed: dropout, if there is some."""
        if self.settings.model.dropout:
            key = (self.settings.seed, "dropout", self.ablation, self.fold, epoch)
            torch.manual_seed(derive_seed(*key))


def train(
    say: Callable[[str], None],
    spec: Training,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    training: Subjects,
    validation: Subjects,
    *,
    execution: Execution,
    resume: Path,
    average: AveragedModel | None = None,
) -> None:
    """Train until all epochs are done; ``state`` holds where to begin and collects the results."""
    s, validated = spec.settings, counted(network, average)
    with checkpoint.Writer() as writer:
        while state.epoch < s.epochs:
            started = time.monotonic()
            order = spec.order(training, state.epoch)
            steps = len(order.places) // s.batch_size
            rates = schedule.rates(s, epoch=state.epoch, steps=steps)
            spec.seed_layers(state.epoch)
            try:
                losses, norms = train_epoch(
                    network, optimizer, training, order,
                    setup=spec.setup, execution=execution, batch_size=s.batch_size, rates=rates,
                    label_smoothing=s.label_smoothing, average=average,
                )  # fmt: skip
                check_gradients(network, norms, epoch=state.epoch + 1)
                logits = validate(
                    validated,
                    validation,
                    samples=execution.samples,
                    precision=s.validation_precision,
                )  # (N, 2)
            except RuntimeError as error:  # the trial step ran: a fault of the device, not the code
                writer.wait()
                raise ValueError(device_failed(error, state.epoch, s, resume)) from error
            note_epoch(state, losses, norms, logits, validation.labels, rates[-1])
            if state.epoch % s.checkpoint_epochs == 0 and state.epoch < s.epochs:
                writer.save(resume, network, optimizer, state, average)
            say_progress(say, spec, state, seconds=time.monotonic() - started)


def device_failed(error: RuntimeError, epochs: int, s: TrainModel, resume: Path) -> str:
    """Return a message for an error of the device in the middle of a training."""
    kept = epochs - epochs % s.checkpoint_epochs if resume.is_file() else 0
    what = "its memory ran out" if out_of_memory(error) else type(error).__name__
    return (
        f"the device failed in epoch {epochs + 1}: {what}: {first_line(error)}; "
        f"look for other programs on it, then start the same command again: it goes on after "
        f"epoch {kept}"
    )


def say_progress(
    say: Callable[[str], None], spec: Training, state: State, *, seconds: float
) -> None:
    """Show a line about every twentieth of the epochs."""
    epochs, now = spec.settings.epochs, state.history[-1]
    if state.epoch % max(1, epochs // 20) == 0 or state.epoch == epochs:
        left = timedelta(seconds=round(seconds * (epochs - state.epoch)))
        say(
            f"{spec.ablation}  epoch {state.epoch}/{epochs}  loss {now['train_loss']:.4f}  "
            f"validation loss {now['validation_loss']:.4f}  "
            f"macro F1 {now['validation_macro_f1']:.3f}  {seconds:.2f} s/epoch  {left} left"
        )


def finish_norms(
    network: nn.Module,
    state: State,
    training: Subjects,
    validation: Subjects,
    execution: Execution,
    s: TrainModel,
    say: Callable[[str], None],
) -> None:
    """Recompute the statistics of the batch norms, and the last predictions with them."""
    recompute_norms(network, training, samples=execution.samples, say=say)
    logits = validate(
        network, validation, samples=execution.samples, precision=s.validation_precision
    )
    state.last = torch.softmax(logits, dim=1)[:, 1].tolist()
