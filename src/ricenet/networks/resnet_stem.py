"""The network's first layers for training: the same function, less memory, less traffic.

MONAI's ResNet18 starts with convolution, batch norm, ReLU, max-pool. At 224^3 the map between
them has 64 channels of full size: the most memory and traffic of the whole network. Three
rewrites, all exact, none visible in the weights:

- Pool first. With the sign of the batch norm's factor moved into the convolution's weight, batch
  norm and ReLU are increasing functions, and the maximum can be taken before them.
- Recompute. The full-size map is not kept for the backward pass but made again.
- Fold. In half precision, the seven taps along the last axis become channels, so that kernels for
  matrix units do not work on one to three channels padded to eight. In float32 that is slower.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from ricenet.networks import resnet
from ricenet.networks.float32_reference import Rewritten, convolve_in_slabs
from ricenet.networks.folded_convolution import convolve, weight_gradient
from ricenet.networks.max_pool_gradient import first_of_windows, unpool
from ricenet.networks.optional_layers import GlobalMean

PER_CHANNEL = (1, -1, 1, 1, 1)
FULL = (torch.float32, torch.float64)  # precisions in which nothing is folded
PLAIN_AT_ONCE = 8  # channels of the stem as it is checked


class Stem(Rewritten):
    """Max-pool of the ReLU of the normalised convolution, computed as this module describes.

    Parameters
    ----------
    conv, norm : nn.Conv3d, nn.BatchNorm3d
        The network's own: they get the gradients and the running statistics.
    folded : bool
        Fold the taps along the last axis in half precision.
    gather : {"compiled", "eager", "library"}
        How the gradient of the max-pool is brought back: one compiled pass, or the same in plain
        torch, or the library's kernel, which adds in random order on a GPU.
    """

    def __init__(self, conv: nn.Conv3d, norm: Any, *, folded: bool, gather: str) -> None:
        super().__init__()
        self.conv, self.norm, self.folded, self.gather = conv, norm, folded, gather

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute from (B, C, X, Y, Z); half precision under autocast, no gradient of ``x``."""
        kind, conv, norm = x.device.type, self.conv, self.norm
        half = torch.is_autocast_enabled(kind)
        x = x.to(torch.get_autocast_dtype(kind) if half else conv.weight.dtype)
        folded = self.folded and x.dtype not in FULL
        sign = torch.where(norm.weight < 0, -1.0, 1.0).to(norm.weight)
        known = None if norm.training else (norm.running_mean * sign, norm.running_var)
        options = Options(conv.stride[0], norm.eps, folded, self.gather)
        with torch.autocast(kind, enabled=False):  # on a CPU it would pool in float32
            found, mean, variance, count = _Stem.apply(
                x, conv.weight, norm.weight, norm.bias, sign, known, options
            )
        if norm.training:
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean * sign, norm.momentum)
            norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
        return found

    def plain(self, x: torch.Tensor, *, rounded: torch.dtype | None = None) -> torch.Tensor:
        """Compute the same in training, in single precision, layer after layer.

        With ``rounded``, numbers are rounded to that type where :meth:`forward` rounds them in half
        precision: of two voxels that differ by less, the max-pool may take the other.
        """
        norm, x = self.norm, _straight_through(x, rounded)
        # with gradients a checkpoint computes twice, and would move the statistics twice
        momentum = 0.0 if torch.is_grad_enabled() else norm.momentum

        def of_channels(
            x: torch.Tensor,
            weight: torch.Tensor,
            mean: torch.Tensor,
            variance: torch.Tensor,
            gamma: torch.Tensor,
            beta: torch.Tensor,
        ) -> torch.Tensor:
            weight = _straight_through(weight, rounded)
            y = convolve_in_slabs(x, weight, None, like=self.conv)
            y = _straight_through(y, rounded)
            z = F.batch_norm(y, mean, variance, gamma, beta, True, momentum, norm.eps)
            return F.max_pool3d(F.relu(z), 3, 2, 1)

        of_norm = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        weights = (self.conv.weight, *of_norm)
        # channels are independent: all at once, the map would be larger than the training
        parts = zip(*(w.split(PLAIN_AT_ONCE) for w in weights), strict=True)
        return torch.cat([checkpoint(of_channels, x, *p, use_reentrant=False) for p in parts], 1)


def _straight_through(x: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    """Return numbers rounded to a type; the gradient is that of the numbers themselves."""
    return x if dtype is None else x + (x.to(dtype).to(x) - x).detach()


class WithStem(nn.Module):
    """A MONAI ResNet18 whose first layers are a :class:`Stem`; the weights stay the network's.

    The batch gets no gradient.
    """

    def __init__(self, network: Any, *, folded: bool = True, gather: str = "library") -> None:
        super().__init__()
        self.network = network
        first: Any = network.conv1
        with_thresholds = isinstance(first, nn.Sequential)
        self.entry = first[0] if with_thresholds else nn.Identity()
        conv: Any = first[1] if with_thresholds else first
        self.stem = Stem(conv, network.bn1, folded=folded, gather=gather)
        mean = isinstance(network.avgpool, nn.AdaptiveAvgPool3d)
        self.pool = GlobalMean() if mean else network.avgpool

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the logits, as ``network(batch)`` gives them.

        Raises
        ------
        ValueError
            A gradient of the batch is asked for.
        """
        if batch.requires_grad:
            raise ValueError("the stem computes no gradient of its input; call the network itself")
        network, x = self.network, self.stem(self.entry(batch))
        for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
            x = layer(x)
        return network.fc(self.pool(x))


class Options(NamedTuple):
    """How the stem is computed: stride and epsilon of its layers, folding, see :class:`Stem`."""

    stride: int
    eps: float
    folded: bool
    gather: str


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        gamma: torch.Tensor,
        beta: torch.Tensor,
        sign: torch.Tensor,
        known: tuple[torch.Tensor, torch.Tensor] | None,
        options: Options,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
        stride, folded = options.stride, options.folded
        signed = (weight * sign.view(-1, 1, 1, 1, 1)).to(x.dtype)
        pooled, means, variances, sizes = [], [], [], []
        for part in _parts(x, signed, stride):
            y = convolve(part, signed, stride, folded=folded)  # (b, 64, X, Y, Z)
            pooled.append(F.max_pool3d(y, 3, 2, 1))
            sizes.append(y.numel() // y.shape[1])
            if known is None:
                mean, variance = moments(y)
                means.append(mean)
                variances.append(variance)
            del y
        p, count = torch.cat(pooled), sum(sizes)
        mean, variance = known or pool_moments(means, variances, sizes)
        rate = torch.rsqrt(variance + options.eps)
        z = (p - mean.view(PER_CHANNEL)) * (gamma.abs() * rate).view(PER_CHANNEL)
        z = (z + beta.view(PER_CHANNEL)).relu_().to(x.dtype)
        ctx.save_for_backward(x, signed, gamma, beta, sign, mean, rate, p)
        ctx.options, ctx.count, ctx.learns = options, count, known is None
        ctx.mark_non_differentiable(mean, variance)
        return z, mean, variance, count

    @staticmethod
    def backward(ctx: Any, dz: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
        x, signed, gamma, beta, sign, mean, rate, p = ctx.saved_tensors
        stride, _, folded, method = ctx.options
        axes = (0, 2, 3, 4)
        normed = (p - mean.view(PER_CHANNEL)) * rate.view(PER_CHANNEL)
        dz = dz * (normed * gamma.abs().view(PER_CHANNEL) + beta.view(PER_CHANNEL) > 0)
        d_beta, d_gamma = dz.sum(axes, dtype=beta.dtype), (dz * normed).sum(axes, dtype=beta.dtype)
        del normed
        scale = gamma.abs() * rate
        # through mean and variance: -scale / count * (d_beta + normed * d_gamma), linear in y
        slope = -scale * rate * d_gamma / ctx.count if ctx.learns else torch.zeros_like(scale)
        level = -scale * d_beta / ctx.count - slope * mean if ctx.learns else slope
        d_weight = torch.zeros_like(signed, dtype=gamma.dtype)
        d_flat, done = torch.zeros_like(gamma), 0
        for part in _parts(x, signed, stride):
            y = convolve(part, signed, stride, folded=folded)
            upper = dz[done : done + len(part)]
            done += len(part)
            d_flat += (upper * (first_of_windows(y) - mean.view(PER_CHANNEL))).sum(
                axes, dtype=gamma.dtype
            )
            spread = unpool((upper * scale.view(PER_CHANNEL)).to(y.dtype), y, method=method)
            y.mul_(slope.view(PER_CHANNEL)).add_(level.view(PER_CHANNEL)).add_(spread)
            del spread
            d_weight += weight_gradient(y, part, signed, stride, folded=folded)
        # where gamma is 0 the map is flat: max-pool takes the first voxel, whatever y is there
        d_gamma = torch.where(gamma == 0, d_flat * rate, d_gamma)
        d_weight *= sign.view(-1, 1, 1, 1, 1)
        return None, d_weight, d_gamma * sign, d_beta, None, None, None


def _parts(x: torch.Tensor, weight: torch.Tensor, stride: int) -> tuple[torch.Tensor, ...]:
    """Split a batch so that the map of each part stays small."""
    elements = len(weight) * x[0, 0].numel() // stride**3
    return x.split(resnet.stem_samples(elements))


def moments(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (C,) mean and population variance of each channel, float32 at least."""
    if y.dtype in FULL:
        variance, mean = torch.var_mean(y, dim=(0, 2, 3, 4), correction=0)
        return mean, variance
    # some channels at a time: the whole map in float32 would be the largest tensor of all
    parts = [moments(channels.float()) for channels in y.split(8, dim=1)]
    return torch.cat([mean for mean, _ in parts]), torch.cat([variance for _, variance in parts])


def pool_moments(
    means: list[torch.Tensor], variances: list[torch.Tensor], sizes: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and population variance of the union of parts (Chan et al. 1983)."""
    share = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
    pairs = list(zip(share.tolist(), means, variances, strict=True))
    mean = sum((w * m for w, m, _ in pairs), torch.zeros_like(means[0]))
    variance = sum((w * (v + (m - mean) ** 2) for w, m, v in pairs), torch.zeros_like(means[0]))
    return mean, variance
