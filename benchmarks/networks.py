"""The network of a benchmark's arguments."""

from __future__ import annotations

import argparse

from torch import nn

from ricenet.config import introduced
from ricenet.config.train import Model
from ricenet.networks import build


def resnet18(args: argparse.Namespace, channels: int) -> nn.Module:
    """Return an untrained ResNet18 of the arguments' stem stride and width."""
    options = {"stem_stride": args.stem_stride, "width": args.width}
    section = introduced.fill_in("train_model", {"model": options, "augmentation": {}})
    return build.build(Model.model_validate(section["model"]), channels)
