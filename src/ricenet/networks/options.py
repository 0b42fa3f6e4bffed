"""What the options of a model come to, for the families that count memory without torch.

``null`` in the settings is a network's own: its kernel, its pooling. The layers themselves are in
:mod:`ricenet.networks.optional_layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ricenet.config.train import Model

TOP_SHARE = 0.05  # of the voxels, whose mean top_k is
FEWEST = 8  # voxels of a map, from which on an instance norm is worth its name


def inputs(model: Model, in_channels: int) -> int:
    """Count the channels that the first convolution reads."""
    return in_channels * (1 + len(model.thresholds))


def stem_kernel(model: Model, *, own: int) -> int:
    """Return the edge of the first convolution's kernel, voxels."""
    return model.stem_kernel or own


def pooling(model: Model, *, own: str) -> str:
    """Return how the last maps are pooled: ``mean``, ``generalised_mean`` or ``top_k``."""
    return model.pooling or own


def top_voxels(voxels: int) -> int:
    """Count the voxels of a map whose mean ``top_k`` is."""
    return max(1, round(TOP_SHARE * voxels))


def kept_by_pooling(how: str, channels: int, voxels: int, *, bf16: bool) -> int:
    """Count the bytes per sample that a pooling keeps, besides maps that were kept before it.

    Parameters
    ----------
    how : str
        From :func:`pooling`.
    channels, voxels : int
        Of the last maps.
    bf16 : bool
        Whether the maps are in half precision: all pool in float32.
    """
    match how:
        case "generalised_mean":  # a float32 copy of the maps, and the base of the power
            return (8 if bf16 else 4) * channels * voxels
        case "top_k":  # where the largest are
            return 8 * channels * top_voxels(voxels)
    return 0


def require_spread(model: Model, last: Sequence[int], shape: Sequence[int]) -> None:
    """Raise ``ValueError`` where an instance norm would find too few voxels in the last maps.

    Of two voxels it leaves only which is the larger, and of their gradient nothing.

    Parameters
    ----------
    last : 3 ints
        Extents of the last maps.
    shape : 3 ints
        Of the volume.
    """
    if model.norm == "instance" and prod(last) < FEWEST:
        raise ValueError(
            f"{model.network} leaves {prod(last)} voxels of a volume of "
            f"{' x '.join(map(str, shape))}, and an instance norm needs {FEWEST}; set model.norm "
            "to batch, or a larger crop.shape"
        )
