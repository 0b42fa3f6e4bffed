"""A moving average of a network's weights over the steps of a training.

Each step the average moves a little towards the weights (Tarvainen & Valpola, arXiv 1703.01780).
The running statistics of norms are averaged with them. What is averaged validates and predicts; the
weights that are trained are not touched.
"""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def average_of(network: nn.Module, share: float) -> AveragedModel | None:
    """Return the average of a network's weights before the first step; None where there is none.

    The first step sets it to the weights; from then on it keeps a share of itself, and takes the
    rest of them.

    Parameters
    ----------
    share : float
        That a step keeps of the average: at 0.98 about the last 50 steps count. 0: no average.
    """
    if not share:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(share), use_buffers=True)


def counted(network: nn.Module, average: AveragedModel | None) -> nn.Module:
    """Return the network that validates and predicts: the averaged one, if there is one."""
    return network if average is None else average.module
