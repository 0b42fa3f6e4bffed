"""The memory that training needs, and the number of samples that fit at once.

What a network needs is counted beside it, in its family's file (:mod:`ricenet.networks.build`),
without torch, so that a study is refused before any job is submitted. The tests hold each count
against the tensors that torch keeps at full size.
"""

from __future__ import annotations

from typing import NamedTuple

GB = 1e9
# Share for what is not counted: workspaces of the convolutions, fragments, the driver.
SPARE = 0.15
MANY = 2**31  # more samples than any batch has


class Need(NamedTuple):
    """Bytes that a training takes.

    Attributes
    ----------
    kept : int
        Activations kept for the backward pass, bytes per sample.
    passing : int
        Temporary tensors, bytes per sample.
    stem : int
        Temporary tensors of the stem, bytes per sample.
    together : int
        Samples that the stem processes at once.
    fixed : int
        Weights, gradients, moments of the optimiser, bytes.
    """

    kept: int
    passing: int
    stem: int
    together: int
    fixed: int

    def bytes(self, samples: int) -> int:
        """Return the memory for a number of samples in one forward pass, with a margin."""
        stem = min(samples, self.together) * self.stem
        return int((samples * (self.kept + self.passing) + stem + self.fixed) / (1 - SPARE))


def fixed(weights: int, *, bf16: bool) -> int:
    """Return the bytes of weights, gradients and Adam's moments; in bf16 of their copies, too."""
    return weights * (4 + 4 + 8 + (2 if bf16 else 0))


def with_average(asked: Need, *, bf16: bool) -> Need:
    """Return what a training takes that averages its weights: a copy of them more."""
    return asked._replace(fixed=asked.fixed + 4 * asked.fixed // fixed(1, bf16=bf16))


def samples_at_once(batch_size: int, asked: Need, *, memory: float) -> int:
    """Return the largest divisor of the batch size that fits into a memory.

    Parameters
    ----------
    memory : float
        Bytes.

    Raises
    ------
    ValueError
        Not even one sample fits.
    """
    for samples in range(batch_size, 0, -1):
        if batch_size % samples == 0 and asked.bytes(samples) <= memory:
            return samples
    passing = asked.passing + asked.stem
    raise ValueError(
        f"one training sample needs {asked.bytes(1) / GB:.1f} GB ({asked.kept / GB:.1f} kept for "
        f"the backward pass, {passing / GB:.1f} for temporary tensors, {asked.fixed / GB:.1f} for "
        f"weights and optimiser, {100 * SPARE:.0f} % spare) and there are {memory / GB:.1f} GB; "
        "set model.stem_stride to 2, precision to bf16, a smaller crop.shape or width, or take a "
        "larger device"
    )
