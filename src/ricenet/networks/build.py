"""The one choice of a network, by its name in the settings.

A family is one file here; ``provenance/steps.py`` lists them. It builds the network, counts the
memory that its training needs, and gives the form that keeps less for the backward pass. All
networks are called alike, as ``forward(volumes, clinical=None)``, see
:mod:`ricenet.networks.inputs`.

Loads neither torch nor MONAI: the Snakefile asks for the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from ricenet.config.train import Model, TrainModel
from ricenet.networks.memory_plan import Need, with_average
from ricenet.provenance.steps import NETWORKS

if TYPE_CHECKING:
    from torch import nn

BEFORE = "resnet18"  # the network of model files that name none


class Family(Protocol):
    """What the file of a family has.

    Attributes
    ----------
    SAVING : str
        What its saving form is called in :class:`ricenet.train.fit_to_device.Fit`:
        ``small_stem`` (first layers rewritten) or ``checkpointed`` (each part computed twice).
        With instance norms it is the latter, see :func:`saving_form`.
    """

    SAVING: str

    def build(self, model: Model, in_channels: int) -> nn.Module:
        """Return the network with random weights, from (B, in_channels, X, Y, Z) to (B, 2)."""

    def saving(self, network: Any, *, folded: bool, gather: str) -> nn.Module:
        """Return the form of a network that saves memory; the weights stay the network's."""

    def need(
        self, model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool
    ) -> Need:
        """Count what a training takes, plain or in the saving form."""


def family(network: str) -> Family:
    """Return the family of a network.

    Raises
    ------
    ValueError
        No such network.
    """
    if network not in NETWORKS:
        raise ValueError(f"network {network!r} is unknown to this version of RICE-NET; update it")
    return cast(Family, import_module(NETWORKS[network]))


def build(model: Model, in_channels: int) -> nn.Module:
    """Return a network with random weights.

    Parameters
    ----------
    model : Model
        Its name and its options.
    in_channels : int
        Input volumes, concatenated as channels.

    Returns
    -------
    nn.Module
        From (B, in_channels, X, Y, Z) to (B, 2) logits: recurrence (0) and RICE (1).
    """
    return family(model.network).build(model, in_channels)


def need_of_training(
    s: TrainModel, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool
) -> Need:
    """Count the memory that a training by its settings takes, see :func:`need`."""
    asked = need(s.model, shape, in_channels, bf16=bf16, saving=saving)
    return with_average(asked, bf16=bf16) if s.averaged_weights else asked


def saving_form(model: Model) -> str:
    """Return what the form that saves memory is called, see :class:`Family`.

    The rewritten first layers of a ResNet rely on its batch norm.
    """
    return "checkpointed" if model.norm == "instance" else family(model.network).SAVING


def need(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool) -> Need:
    """Count the memory that a training takes.

    Parameters
    ----------
    shape : (X, Y, Z)
        Of a volume, voxels.
    saving : bool
        Whether the network runs in the form that saves memory.
    """
    return family(model.network).need(model, shape, in_channels, bf16=bf16, saving=saving)
