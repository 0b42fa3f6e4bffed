"""The rows of ``learning.py``: recipes as settings overrides, and in which order they are made.

A further recipe is a line of ``NETWORKS``: what differs from config/phantoms/config.yaml, by the
settings' own keys. A key or a value that this tree does not offer refuses the row by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from phantom_caches import SMALL, Grid
from pydantic import ValidationError

from ricenet.config import config, settings_files
from ricenet.config.train import TrainModel

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "phantoms" / "config.yaml"
# float32: a CPU's bf16 has invalid gradients where a map has an extent of 2 (docs/training.md)
ALWAYS: Mapping[str, Any] = {"precision": "fp32", "device": "cpu"}


class Recipe(NamedTuple):
    """A way to train.

    Attributes
    ----------
    overrides : mapping
        Settings of ``train_model`` by dotted key.
    words : str
        What it is, for the table.
    box : int
        Edge of a cube about the true centre of the cavity, voxels, that is cut out of the volumes
        before augmentation, whose turned corners are therefore empty; 0: the whole head. Such a row
        has probes of the box's place and of the brain in it.
    moved_mm : float
        How far the cube's centre is moved, in a direction drawn for each patient.
    cost_s : float
        Seconds of the processor that a training and its predictions are expected to take.
    grid : Grid
        Voxels and shape of the volumes.
    """

    overrides: Mapping[str, Any]
    words: str
    box: int = 0
    moved_mm: float = 0.0
    cost_s: float = 150.0
    grid: Grid = SMALL


COSINE = {
    "optimizer": "adamw", "weight_decay": 0.05, "schedule": "cosine", "warmup": 0.05,
    "label_smoothing": 0.1, "augmentation.mirror": 0.5,
}  # fmt: skip
LOCAL = {
    "model.network": "local", "model.width": 1.0, "learning_rate": 1.0e-2, "schedule": "cosine",
    "warmup": 0.05,
}  # fmt: skip
# five in steps of one deviation, not those of the phantom's own signal
THRESHOLDS = {"model.thresholds": [-2.0, -1.0, 1.0, 2.0, 3.0]}

NETWORKS: Mapping[str, Recipe] = {
    "paper": Recipe({}, "ResNet18, Adam, constant rate (the paper's, in the small study's size)"),
    "cosine": Recipe(COSINE, "AdamW, warm-up and cosine, label smoothing, mirroring"),
    "local": Recipe(LOCAL, "local network", cost_s=150),
    "local-thresholds": Recipe(LOCAL | THRESHOLDS, "local network, five thresholds", cost_s=250),
    "thresholds": Recipe(COSINE | THRESHOLDS, "cosine, five thresholds"),
    "generalised-mean": Recipe(
        COSINE | {"model.pooling": "generalised_mean"}, "cosine, generalised mean"
    ),
    "top-k": Recipe(COSINE | {"model.pooling": "top_k"}, "cosine, mean of the largest"),
    "stem-3": Recipe(COSINE | {"model.stem_kernel": 3}, "cosine, stem of 3 voxels (9 mm)"),
    "stem-stride-1": Recipe(
        COSINE | {"model.stem_stride": 1}, "cosine, stem stride 1", cost_s=2000
    ),
    "dropout": Recipe(COSINE | {"model.dropout": 0.3}, "cosine, dropout 0.3"),
    "averaged": Recipe(COSINE | {"averaged_weights": 0.98}, "cosine, averaged weights"),
    "instance": Recipe(COSINE | {"model.norm": "instance"}, "cosine, instance norm"),
    # stem of 6 mm (the paper's: 7), last map of 32 mm (16), on a volume of the same size
    "proportions": Recipe(
        {"model.stem_kernel": 3, "model.stem_stride": 1},
        "the paper's, in its proportions as far as 2 mm allow",
        cost_s=9000, grid=Grid(2.0, (88, 104, 88)),
    ),
    "box": Recipe({}, "the paper's, 96 mm about the cavity", box=32, cost_s=60),
    "box-cosine": Recipe(COSINE, "cosine, 96 mm about the cavity", box=32, cost_s=60),
    "box-local-thresholds": Recipe(
        LOCAL | THRESHOLDS, "local, five thresholds, 96 mm about the cavity", box=32, cost_s=50
    ),
    "box-moved": Recipe(
        LOCAL | THRESHOLDS, "the same, centre moved by 7.5 mm", box=32, moved_mm=7.5, cost_s=50
    ),
}  # fmt: skip
# no network: see learning_floors.py
FLOORS: Mapping[str, str] = {
    "brightness": "voxels above z = 2.5 (dose: above 50 Gy)",
    "lr-near": "logistic regression, 11 hand features near the cavity (event: the lesion) an MRI",
    "lr-global": "logistic regression, 12 global hand features an MRI, 5 of a dose",
}
SIGNALS = ("intensity", "shape")
SEED = 2026
DEAR_S = 1000.0  # rows beyond come last, or when asked for by name


class Row(NamedTuple):
    """One line of the table: signal, input combination, recipe, seed of the training."""

    signal: str
    inputs: str
    recipe: str
    seed: int = SEED

    @property
    def name(self) -> str:
        """The row as ``--rows`` names it."""
        return "/".join(str(part) for part in self)


def order() -> Iterator[Row]:
    """Yield the rows in the order in which they are worth having, the dearest last."""
    first = ("brightness", "lr-near", "lr-global", "paper", "cosine", "local-thresholds")
    for signal in SIGNALS:
        dear = {name for name, recipe in NETWORKS.items() if recipe.cost_s > DEAR_S}
        for recipe in (*first, *(name for name in NETWORKS if name not in {*first} | dear)):
            yield Row(signal, "postop", recipe)
    for inputs in ("dose", "postop-event-dose", "event"):  # the last: 1,000 fresh patients
        for recipe in first:
            if (inputs, recipe) != ("dose", "lr-near"):
                yield Row("intensity", inputs, recipe)
    for signal in SIGNALS:
        yield Row(signal, "postop", "stem-stride-1")


def parse(name: str) -> Row:
    """Read a row's name.

    Raises
    ------
    ValueError
        It is none.
    """
    signal, inputs, recipe, *rest = [*name.split("/"), "", ""][: name.count("/") + 1] or [name]
    if signal not in SIGNALS or recipe not in {*NETWORKS, *FLOORS} or len(rest) > 1:
        raise ValueError(
            f"row {name!r} does not exist; it is signal/inputs/recipe[/seed] with a signal of "
            f"{list(SIGNALS)} and a recipe of {[*FLOORS, *NETWORKS]}"
        )
    return Row(signal, inputs, recipe, int(rest[0]) if rest else SEED)


def base_settings() -> dict[str, Any]:
    """Return the settings of ``train_model`` in the study of config/phantoms."""
    values = settings_files.merged([CONFIG])
    return config.validate(values).train_model.model_dump(mode="json")


def settings_of(row: Row) -> dict[str, Any]:
    """Return all settings of a row's training.

    Raises
    ------
    ValueError
        This tree has no such key, or does not take the value.
    """
    found = deepcopy(base_settings())
    for key, value in {**ALWAYS, **NETWORKS[row.recipe].overrides, "seed": row.seed}.items():
        place, *path = found, *key.split(".")
        for part in path[:-1]:
            place = place[part]
        if path[-1] not in place:
            raise ValueError(
                f"row {row.name}: this tree has no setting train_model.{key}; leave the row out, "
                "or run it on a tree that has it"
            )
        place[path[-1]] = value
    try:
        TrainModel.model_validate(found)
    except ValidationError as error:
        faults = [
            f"train_model.{'.'.join(str(p) for p in fault['loc'])} = {fault['input']!r}: "
            f"{fault['msg']}"
            for fault in error.errors()
        ]
        raise ValueError(
            f"row {row.name}: this tree does not take {'; '.join(faults)}; leave the row out, or "
            "run it on a tree that does"
        ) from None
    return found


def offered(rows: Sequence[Row]) -> tuple[list[Row], dict[str, str]]:
    """Part rows into those that this tree can make, and why it cannot make the others."""
    possible, refused = [], {}
    for row in rows:
        try:
            if row.recipe in NETWORKS:
                settings_of(row)
            possible.append(row)
        except ValueError as error:
            refused[row.name] = str(error)
    return possible, refused
