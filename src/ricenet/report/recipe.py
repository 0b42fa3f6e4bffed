"""What the methods paragraph says of a training's recipe: nothing of what was not used.

Phrases for one sentence each, with keys of :mod:`ricenet.report.references`. Several values of a
setting, of trainings that differ, stand with their numbers of runs.
"""

from __future__ import annotations

from ricenet.provenance.steps import NETWORKS
from ricenet.report.records import Runs

STEP = "train_model"
OPTIMISERS = {"adam": "Adam [@adam]", "adamw": "AdamW [@adamw]"}
POOLINGS = {
    "mean": "mean of the last maps",
    "generalised_mean": "generalised mean of the last maps [@local]",
    "top_k": "mean of the largest twentieth of the last maps [@topk]",
}


def network(runs: Runs) -> str:
    """Return the network with what it is cited by."""
    name = runs.setting(STEP, "model.network")
    theirs = "".join(f"@{key}, " for key in NETWORKS if key in name and key != "local")
    monai = f"{name} of MONAI {runs.version('monai')}".rstrip() + f" in 3D [{theirs}@monai]"
    if "local" not in name:
        return monai
    own = "three small convolutions in 3D"
    return f"{monai}; local is {own}" if theirs else f"local, {own}"


def options(runs: Runs) -> str:
    """Return the options of the network that differ from its own."""
    found = [
        _used(runs, "model.stem_kernel", "", "{} voxels its kernel"),
        _used(runs, "model.thresholds", "[]", "further channels beyond intensities of {}"),
        _used(runs, "model.norm", "batch", "{} norm [@instance]"),
        _pooling(runs),
        _used(runs, "model.dropout", "0.0", "dropout of {} before the last layer [@dropout]"),
    ]
    return "".join(f", {text}" for text in found if text)


def _pooling(runs: Runs) -> str:
    named = runs.setting(STEP, "model.pooling", lambda how: POOLINGS.get(how, how))
    own = POOLINGS["generalised_mean"] if runs.setting(STEP, "model.network") == "local" else ""
    return f"pooled by the {named or own}" if named or own else ""


def optimiser(runs: Runs) -> str:
    """Return the optimiser."""
    return runs.setting(STEP, "optimizer", lambda name: OPTIMISERS.get(name, name))


def schedule(runs: Runs) -> str:
    """Return how the learning rate changes."""
    warmup = _used(runs, "warmup", "0.0", "after a linear rise in a share of {} of the steps")
    falls = "cosine" in runs.setting(STEP, "schedule")
    cosine = _used(runs, "schedule", "constant", "falling to 0 ({} [@cosine])") if falls else ""
    return "".join(f", {text}," for text in [" ".join(filter(None, (cosine, warmup)))] if text)


def smoothing(runs: Runs) -> str:
    """Return how labels were smoothed."""
    return _used(runs, "label_smoothing", "0.0", " with labels smoothed by {} [@smoothing]")


def mirroring(runs: Runs) -> str:
    """Return whether samples were mirrored."""
    text = _used(runs, "augmentation.mirror", "0.0", "left and right were exchanged with {}")
    return f"; {text}" if text else ""


def weights(runs: Runs) -> str:
    """Return which weights count."""
    averaged = _used(runs, "averaged_weights", "0.0", "{}")
    if not averaged:
        return "The model of the last epoch counts"
    return (
        f"The moving average of the weights counts, of which each step keeps a share of {averaged} "
        "[@averaging], after the last epoch"
    )


def _used(runs: Runs, key: str, unused: str, phrase: str) -> str:
    """Return a phrase about a setting, empty where it has the value at which it does nothing."""
    value = runs.setting(STEP, key)
    return "" if value in ("", unused) else phrase.format(value)
