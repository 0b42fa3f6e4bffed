"""The file of hidden cubes: each model's probabilities for each of them, and where they lie.

Maps, their agreement and every other statistic follow from it without another pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

KEY = "cubes"  # one key: safetensors writes several in an order that changes each time
TENSORS = ("clean", "hidden", "places")


class CubeValues(NamedTuple):
    """What a subject's models answer, ``M`` models and ``P`` cubes.

    Attributes
    ----------
    clean : (M, 2) float array
        Probabilities of recurrence and RICE with nothing hidden.
    hidden : (M, P, 2) float array
        With each cube hidden in all channels.
    places : (P, 3) int array
        First corners of the cubes on the grid of the cropped mask.
    cube : int
        Edge of a cube, voxels.
    """

    clean: NDArray
    hidden: NDArray
    places: NDArray
    cube: int


def write(path: Path, values: CubeValues) -> None:
    """Write the values to a safetensors file."""
    tensors = {name: getattr(values, name) for name in TENSORS}
    save_file(tensors, path, metadata={KEY: json.dumps({"cube": values.cube})})


def read(path: Path) -> CubeValues:
    """Read the values.

    Raises
    ------
    ValueError
        The file is no such file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})[KEY])
            clean, hidden, places = (file.get_tensor(name) for name in TENSORS)
            return CubeValues(clean, hidden, places, int(facts["cube"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name} holds no values of hidden cubes ({type(error).__name__}); delete it and "
            "run the workflow again"
        ) from error
