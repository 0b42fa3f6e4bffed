"""Random changes of training samples: drawn on the CPU first, then applied on the device.

Tensors are ``(B, C, X, Y, Z)``, RAS+ axes, isotropic voxels. A sample's changes follow from its
own seed alone, so that neither the batch it is in nor the choice of channels alters them.
Rotation, scaling and elastic displacement are one interpolation, shared by all channels. Noise,
brightness and gamma touch MRI channels only, and only their foreground: a background of exactly 0
stays 0, and dose values are not changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ricenet.channels import KINDS
from ricenet.config.train import Augmentation
from ricenet.networks.device import to_device


class Setup(NamedTuple):
    """What the changes of all samples of a training have in common.

    Attributes
    ----------
    shape : (X, Y, Z)
        Of the volumes, voxels.
    spacing_mm : float
        Isotropic.
    kinds : sequence of str
        Of all channels in the cache, keys of :data:`ricenet.channels.KINDS`.
    places : sequence of int
        Places of the training's channels in the cache.
    ranges : Augmentation
        From which changes are drawn.
    """

    shape: Sequence[int]
    spacing_mm: float
    kinds: Sequence[str]
    places: Sequence[int]
    ranges: Augmentation


class Draw(NamedTuple):
    """The changes of one sample; K is the number of channels in the cache.

    Attributes
    ----------
    angles_rad : (3,) float array
        Rotation about X, then Y, then Z.
    scale : float
        Size after by size before, dimensionless.
    displacement_mm : (3, I, J, K) float array
        Where the control points look, relative to where they would without.
    noise, brightness, gamma : (K,) float array
        Standard deviation, factor, exponent of each channel, dimensionless.
    noise_seeds : (K,) list of int
        Seeds of the noise of each channel.
    mirrored : bool
        Whether left and right are exchanged, before all else.
    """

    angles_rad: NDArray
    scale: float
    displacement_mm: NDArray
    noise: NDArray
    brightness: NDArray
    gamma: NDArray
    noise_seeds: list[int]
    mirrored: bool


def lattice_shape(
    shape: Sequence[int], *, spacing_mm: float, elastic_spacing_mm: float
) -> tuple[int, int, int]:
    """Return numbers of control points that span a volume, at most ``elastic_spacing_mm`` apart."""
    x, y, z = (max(2, math.ceil((n - 1) * spacing_mm / elastic_spacing_mm) + 1) for n in shape)
    return x, y, z


def draw(seed: int, setup: Setup) -> Draw:
    """Draw the changes of one sample.

    Parameters
    ----------
    seed : int
        From :func:`ricenet.provenance.seeds.derive_seed`.
    setup : Setup
    """
    rng, kinds, ranges = np.random.default_rng(seed), setup.kinds, setup.ranges
    happens = rng.random(6) < ranges.probability
    rotated, scaled, deformed, noisy, brightened, gamma_changed = happens
    angles = np.deg2rad(ranges.rotation_deg) * rng.uniform(-1, 1, 3)
    scale = 1 + ranges.scaling * rng.uniform(-1, 1)
    # every number is drawn whether used or not: a dose channel, or a range, shifts no other draw
    mri = np.array([KINDS[kind].grey_values_change for kind in kinds])
    deviation = ranges.noise * rng.random(len(kinds))
    factor = 1 + ranges.brightness * rng.uniform(-1, 1, len(kinds))
    exponent = 1 + ranges.gamma * rng.uniform(-1, 1, len(kinds))
    seeds = rng.integers(2**63, size=len(kinds)).tolist()
    points = lattice_shape(
        setup.shape, spacing_mm=setup.spacing_mm, elastic_spacing_mm=ranges.elastic_spacing_mm
    )
    displacement = ranges.elastic_mm * rng.standard_normal((3, *points))
    return Draw(
        angles_rad=angles * rotated,
        scale=scale if scaled else 1.0,
        displacement_mm=displacement * deformed,
        noise=np.where(mri & noisy, deviation, 0.0),
        brightness=np.where(mri & brightened, factor, 1.0),
        gamma=np.where(mri & gamma_changed, exponent, 1.0),
        noise_seeds=seeds,
        mirrored=bool(rng.random() < ranges.mirror),  # drawn last: it came later
    )


def rotation_matrix(angles_rad: Sequence[float] | NDArray) -> NDArray:
    """Return (3, 3) matrix of a rotation about X, then Y, then Z (column vectors, right-handed)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles_rad), np.sin(angles_rad)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def source_lattice(sample: Draw, *, shape: Sequence[int], spacing_mm: float) -> NDArray:
    """Return where the control points look.

    A point p, relative to the centre, takes its value from ``R^T p / scale + displacement``. The
    affine part survives the trilinear upsampling exactly, hence it is applied here, to few points.

    Returns
    -------
    (3, I, J, K) float32 array
        In half extents of the volume: -1 and 1 are the centres of the first and last voxel.
    """
    half_mm = (np.asarray(shape) - 1) * spacing_mm / 2
    points = sample.displacement_mm.shape[1:]
    axes = [np.linspace(-half, half, n) for half, n in zip(half_mm, points, strict=True)]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))  # (3, I, J, K)
    inverse = rotation_matrix(sample.angles_rad).T / sample.scale
    source = np.einsum("ij,jabc->iabc", inverse, positions) + sample.displacement_mm
    return (source / half_mm[:, None, None, None]).astype(np.float32)


def upsample(lattice: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return (3, X, Y, Z) float32 from a (3, I, J, K) one, trilinear; corners stay corners.

    One axis after the other, as products with small matrices: the two short axes cost nothing.
    """
    for axis, count in enumerate(shape, start=1):
        weights = _linear_weights(lattice.shape[axis], count, lattice.device)
        lattice = (lattice.transpose(axis, -1) @ weights).transpose(axis, -1)
    return lattice


@lru_cache
def _linear_weights(points: int, count: int, device: torch.device) -> torch.Tensor:
    """Return weights (points, count) of the control points at ``count`` places between them."""
    knots = np.linspace(0, points - 1, count)
    distance = np.abs(knots - np.arange(points)[:, None])
    return torch.from_numpy(np.maximum(0, 1 - distance).astype(np.float32)).to(device)


def warp(volumes: torch.Tensor, lattice: torch.Tensor) -> torch.Tensor:
    """Interpolate all channels at the places of an upsampled lattice, trilinear, 0 outside.

    Parameters
    ----------
    volumes : (C, X, Y, Z) float32 tensor
    lattice : (3, I, J, K) float32 tensor
        From :func:`source_lattice`.
    """
    grid = upsample(lattice, volumes.shape[1:])
    grid = grid.flip(0).permute(1, 2, 3, 0)  # (X, Y, Z, 3); grid_sample wants (Z, Y, X)
    return F.grid_sample(
        volumes[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=True
    )[0]


def change_intensity(
    volume: torch.Tensor, *, noise: float, brightness: float, gamma: float, seed: int
) -> None:
    """Add noise, bend by gamma and brighten one channel of one sample, in place; 0 stays 0.

    Gamma acts within the range of the values, so that it commutes with the brightness.

    Parameters
    ----------
    volume : (X, Y, Z) float32 tensor
        Normalised MRI, dimensionless: its background of 0 lies within its range.
    """
    inside = (volume != 0).to(volume.dtype)
    if noise > 0:
        generator = torch.Generator(volume.device).manual_seed(seed)
        volume += torch.empty_like(volume).normal_(std=noise, generator=generator)
        volume *= inside
    if gamma != 1:
        low, high = torch.aminmax(volume)
        span = (high - low).clamp_min(1e-6)
        volume.sub_(low).div_(span).pow_(gamma).mul_(span * brightness).add_(low * brightness)
        volume *= inside
    elif brightness != 1:
        volume *= brightness


def apply(batch: torch.Tensor, draws: Sequence[Draw], setup: Setup) -> torch.Tensor:
    """Change each sample of a batch as drawn.

    Parameters
    ----------
    batch : (B, C, X, Y, Z) float32 tensor
        On any device.
    draws : sequence of Draw
        One a sample.
    setup : Setup

    Returns
    -------
    (B, C, X, Y, Z) float32 tensor
    """
    shape = tuple(batch.shape[2:])
    changed = batch.clone()
    # one sample after the other: nothing of the result can depend on its neighbours
    for volumes, sample in zip(changed, draws, strict=True):
        if sample.mirrored:
            volumes.copy_(volumes.flip(1))  # X runs to the right
        if _moves(sample):
            lattice = source_lattice(sample, shape=shape, spacing_mm=setup.spacing_mm)
            volumes.copy_(warp(volumes, to_device(torch.from_numpy(lattice), batch.device)))
        for volume, k in zip(volumes, setup.places, strict=True):
            change_intensity(
                volume,
                noise=float(sample.noise[k]),
                brightness=float(sample.brightness[k]),
                gamma=float(sample.gamma[k]),
                seed=sample.noise_seeds[k],
            )
    return changed


def _moves(sample: Draw) -> bool:
    return bool(sample.angles_rad.any() or sample.scale != 1 or sample.displacement_mm.any())
