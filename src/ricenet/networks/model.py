"""The network and its file.

Tensors are ``(B, C, X, Y, Z)``. The two outputs are recurrence (0) and RICE (1).
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets.resnet import resnet18
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ricenet.networks.device import exact_float32, in_halves

METADATA_KEY = "ricenet"  # one key: safetensors writes several in an order that changes each time


def build(in_channels: int, *, stem_stride: int, width: float) -> nn.Module:
    """Return a 3D ResNet18 with random weights (He et al., arXiv 1512.03385.

    Hara et al., 1711.09577).

    Parameters
    ----------
    in_channels : int
        Input volumes, concatenated as channels.
    stem_stride : int
        Stride of the 7x7x7 convolution.
    width : float
        Factor on the numbers of feature maps, dimensionless.

    Returns
    -------
    nn.Module
        From (B, in_channels, X, Y, Z) to (B, 2) logits.
    """
    # shapes at 224^3, width 1, stem stride 1:
    #   conv1 7x7x7, bn, relu     (B,  64, 224, 224, 224)
    #   maxpool 3x3x3 / 2         (B,  64, 112, 112, 112)
    #   layer1, two basic blocks  (B,  64, 112, 112, 112)
    #   layer2 / 2                (B, 128,  56,  56,  56)
    #   layer3 / 2                (B, 256,  28,  28,  28)
    #   layer4 / 2                (B, 512,  14,  14,  14)
    #   global average pool       (B, 512)
    #   fc                        (B,   2)
    return resnet18(
        spatial_dims=3,
        n_input_channels=in_channels,
        num_classes=2,
        conv1_t_size=7,
        conv1_t_stride=stem_stride,
        feed_forward=True,
        shortcut_type="B",
        widen_factor=width,
    )


def save_model(path: Path, network: nn.Module, *, metadata: dict[str, Any]) -> None:
    """Write weights and their metadata to a safetensors file.

    Parameters
    ----------
    metadata : dict
        Everything that :func:`load_model` returns; it needs ``in_channels``, ``stem_stride`` and
        ``width``.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def load_model(path: Path, *, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Read a network, ready to predict.

    Returns
    -------
    nn.Module
        In evaluation mode, on the device.
    dict
        The metadata of the file.

    Raises
    ------
    ValueError
        Not a model file of this workflow, or weights that do not fit.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = json.loads((file.metadata() or {})[METADATA_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = build(
            metadata["in_channels"], stem_stride=metadata["stem_stride"], width=metadata["width"]
        )
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path.name} is not a model of this workflow ({type(error).__name__}); train it again"
        ) from error
    return network.to(device).eval(), metadata


@torch.no_grad()
def logits(network: nn.Module, batch: torch.Tensor, *, precision: str) -> torch.Tensor:
    """Compute the outputs of a network in evaluation mode, as validation and predictions do.

    Parameters
    ----------
    batch : (B, C, X, Y, Z) float32 tensor
        Where the device's memory is too small for it, its halves are computed one by one.
    precision : {"fp32", "bf16"}
        fp32 is without TF32: a GPU and a CPU agree to rounding.

    Returns
    -------
    (B, 2) float32 tensor
    """

    def run(part: torch.Tensor) -> torch.Tensor:
        with prediction_context(precision, part.device):
            return network(part).float()

    return torch.cat(in_halves(run, batch))


def prediction_context(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of predictions: float32 without TF32, or autocast to bfloat16."""
    if precision == "fp32":
        return exact_float32(device)
    return torch.autocast(device.type, torch.bfloat16)


def probabilities(network: nn.Module, batch: torch.Tensor, *, precision: str) -> torch.Tensor:
    """Return the softmax of a network's outputs, see :func:`logits`.

    Returns
    -------
    (B, 2) float32 tensor
        Probability of recurrence and of RICE.
    """
    return torch.softmax(logits(network, batch, precision=precision), dim=1)
