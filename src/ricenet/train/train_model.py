"""Train one model: one ablation, one fold.

Tensors are ``(B, C, X, Y, Z)``. Every random number follows from the seed, the ablation, the fold,
the epoch and the subject, so that a run that is interrupted and resumed ends with the same weights.
Only training subjects of the manifest are opened; test subjects never are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ricenet import step
from ricenet.cohort import dataset, loading
from ricenet.cohort.dataset import Facts
from ricenet.cohort.loading import Subjects
from ricenet.config import introduced
from ricenet.config.train import TrainModel
from ricenet.networks import weights
from ricenet.networks.device import choose_device, first_line, share_memory
from ricenet.networks.device import describe as describe_device
from ricenet.provenance import digests, steps, tsv
from ricenet.provenance.seeds import derive_seed
from ricenet.train import checkpoint, fit_to_device, gradient_gate
from ricenet.train.augment import Setup
from ricenet.train.averaging import average_of, counted
from ricenet.train.checkpoint import ResumePoint, State
from ricenet.train.epoch import be_deterministic
from ricenet.train.fallbacks import Settled
from ricenet.train.fit_to_device import Fit, fit_of
from ricenet.train.history import predictions
from ricenet.train.loop import Training, finish_norms, train
from ricenet.train.sampler import split_fold


def training_of(job: step.Job, facts: Facts) -> Training:
    """Return the training that a job asks for, of the cohort of a manifest."""
    settings, ablation = TrainModel.model_validate(job.settings), job.args.ablation
    places = facts.places(ablation)
    setup = Setup(facts.shape, facts.spacing_mm, facts.kinds, places, settings.augmentation)
    return Training(settings, ablation, int(job.args.fold), setup)


def describe(job: step.Job, spec: Training) -> dict[str, Any]:
    """Gather all that the weights follow from, besides the hardware."""
    short = introduced.leave_out("train_model", job.settings)  # a later key is none of the digest's
    settings = json.dumps(short, sort_keys=True, separators=(",", ":"))
    return {
        "ablation": spec.ablation,
        "fold": spec.fold,
        "channels": spec.ablation.split("-"),
        "seed": spec.settings.seed,
        "settings": hashlib.sha256(settings.encode()).hexdigest(),
        "manifest": digests.bytes_digest(job.args.manifest),
        "code": steps.code_hash("train_model", spec.settings.model.network),
        "in_channels": len(spec.setup.places),
        "validation_precision": spec.settings.validation_precision,
        **spec.settings.model.model_dump(),
    }


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


def pass_gate(
    job: step.Job,
    spec: Training,
    device: torch.device,
    *,
    subjects: int,
    earlier: dict[str, Any],
) -> Settled:
    """Find the path of a training on its device: that of earlier epochs, if there are some."""
    s, shape, channels = spec.settings, spec.setup.shape, len(spec.setup.places)
    if s.deterministic:
        be_deterministic()
    share_memory(device, s.memory_gb)
    fit = fit_to_device.planned(s, subjects, shape, channels)
    if earlier:
        fit = fit_of(earlier)._replace(resident=fit.resident)
    return gradient_gate.pass_gate(
        fit, settings=s, subjects=subjects, channels=channels, shape=shape, say=job.say
    )


def go_on(
    job: step.Job,
    point: ResumePoint | None,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: AveragedModel | None,
    fit: Fit,
) -> State:
    """Continue after the epochs of a resume point, or log why not and begin."""
    if point and fit_of(point.state.execution) == fit:
        state = checkpoint.restore(point, network, optimizer, average)
        job.say(f"resumed after epoch {state.epoch}")
        return state
    if point:
        job.say(
            f"{point.state.epoch} epochs were computed in a configuration that this device does "
            "not run now (other programs on it, or another device); the training starts again"
        )
    return State(execution=fit._asdict())


def save_results(
    job: step.Job, network: nn.Module, state: State, validation: Subjects, identity: dict[str, Any]
) -> None:
    """Write model, history and predictions."""
    weights.save_model(job.stage(job.args.out), network, metadata=identity)
    history, table = pd.DataFrame(state.history), predictions(state, validation, identity)
    tsv.write(job.stage(job.args.history), history, missing="nan")
    tsv.write(job.stage(job.args.predictions), table)


def note_gate(job: step.Job, settled: Settled, *, resident: bool) -> None:
    """Write to the record which path was taken, and how right it is."""
    fit = settled.fit._replace(resident=resident)
    job.facts |= {**fit._asdict(), "gradient_gate": gradient_gate.facts(settled)}
    layer, error, limit = gradient_gate.worst(settled)
    job.check("gradient-error", error / limit, at_most=1, unit=f"of what {layer} may have")


def run(job: step.Job, rows: Sequence[pd.DataFrame], facts: Facts) -> None:
    """Train on the first of two parts of the manifest, validate on the second, write all."""
    spec = training_of(job, facts)
    identity, s = describe(job, spec), spec.settings
    job.network = s.model.network
    device = choose_device(s.device)
    resume = checkpoint.resume_path(job.args.out.parent, identity)
    point = checkpoint.read(resume)
    earlier = point.state.execution if point else {}
    subjects = sum(map(len, rows))
    settled = pass_gate(job, spec, device, subjects=subjects, earlier=earlier)
    fit = settled.fit
    job.facts["processor"] = describe_device(device)
    load = partial(load_on, device, facts=facts, places=spec.setup.places, say=job.say)
    training, validation = (load(part, resident=fit.resident) for part in rows)
    path = fit._replace(resident=True)  # where the subjects lie changes no bit
    identity["execution"] = path._asdict()
    seed = derive_seed(s.seed, "weights", spec.ablation, spec.fold)
    network, optimizer = fit_to_device.start(
        s, len(spec.setup.places), device, seed=seed, fused=fit.fused
    )
    execution = fit_to_device.prepare(network, fit, name=s.model.network)
    average = average_of(network, s.averaged_weights)
    state = go_on(job, point, network, optimizer, average, path)
    del point
    train(
        job.say, spec, network, optimizer, state, training, validation,
        execution=execution, resume=resume, average=average,
    )  # fmt: skip
    network = counted(network, average)
    if s.norm_statistics == "recomputed":
        finish_norms(network, state, training, validation, execution, s, job.say)
    identity["epoch"] = state.epoch
    save_results(job, network, state, validation, identity)
    job.facts |= {
        "model": identity, "device": device.type, "best_epoch": state.best["epoch"],
    }  # fmt: skip
    resident = fit.resident and training.volumes.device.type == device.type
    note_gate(job, settled, resident=resident)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the manifest and the caches of the folds, train, write model, history, predictions."""
    outputs, values = ("out", "history", "predictions"), ("ablation", "fold")
    with step.Job("train_model", argv, inputs=("manifest",), outputs=outputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        table, facts = dataset.read_manifest(job.args.manifest)
        rows = split_fold(table, int(job.args.fold))
        run(job, rows, facts)
        for name, part in zip(("training_subjects", "validation_subjects"), rows, strict=True):
            job.fact(name, part["digest"].to_dict())
    checkpoint.remove_all(job.args.out.parent)
