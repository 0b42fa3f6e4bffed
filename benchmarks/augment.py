"""Augmentation of one sample: ours and the peers, the same volume and the same ranges.

python benchmarks/augment.py --size 96 --threads 2 --repeats 7

Every transform is on: rotation, scaling, elastic displacement, noise, brightness, gamma.
Peers that are not installed are left out; the program says how to install them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from timing import place, race, table

from ricenet.config.train import Augmentation
from ricenet.networks.device import choose_device
from ricenet.provenance.seeds import derive_seed
from ricenet.train import augment

DEGREES, SCALING, ELASTIC, KNOT = 15.0, 0.1, 3.0, 32.0
NOISE, BRIGHTNESS, GAMMA = 0.1, 0.2, 0.3
RANGES = Augmentation(
    probability=1.0,
    rotation_deg=DEGREES,
    scaling=SCALING,
    elastic_mm=ELASTIC,
    elastic_spacing_mm=KNOT,
    noise=NOISE,
    brightness=BRIGHTNESS,
    gamma=GAMMA,
    mirror=0.0,
)
OURS = "ours"


def sample(size: int) -> torch.Tensor:
    """(3, X, Y, Z) float32: two MRI-like and one dose-like channel in a ball, 0 outside."""
    rng = np.random.default_rng(1)
    axes = np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")
    data = rng.standard_normal((3, size, size, size)) * (sum(a**2 for a in axes) < 0.8)
    data[2] = np.abs(data[2])
    return torch.from_numpy(data.astype(np.float32))


def ours(volumes: torch.Tensor, kinds: tuple[str, ...], batch_size: int) -> Callable[[], object]:
    seeds = iter(range(10**9))
    setup = augment.Setup(tuple(volumes.shape[1:]), 1.0, kinds, (0, 1, 2), RANGES)
    batch = volumes[None].expand(batch_size, *volumes.shape)

    def work() -> torch.Tensor:
        draws = [augment.draw(derive_seed(next(seeds)), setup) for _ in range(batch_size)]
        return augment.apply(batch, draws, setup)

    return work


def monai_chain(size: int, *, affined: bool) -> Callable[[dict], dict]:
    """MONAI's dictionary transforms on the keys a, b, c, the first two of which are MRI."""
    from monai import transforms as mt

    turn = np.deg2rad(DEGREES)
    affine = {"rotate_range": (turn,) * 3, "scale_range": (SCALING,) * 3}
    elastic = {"sigma_range": (8, 8), "magnitude_range": (50, 50), "spatial_size": (size,) * 3}
    still = {"mode": "bilinear", "padding_mode": "zeros"}
    keys = ["a", "b", "c"]
    apart = [
        mt.RandAffined(keys, prob=1.0, **affine, **still),
        mt.Rand3DElasticd(keys, prob=1.0, **elastic, **still),
    ]
    together = [mt.Rand3DElasticd(keys, prob=1.0, **elastic, **affine, **still)]
    chain = mt.Compose(
        [
            *(apart if affined else together),
            mt.RandGaussianNoised(keys[:2], prob=1.0, std=NOISE),
            mt.RandScaleIntensityd(keys[:2], prob=1.0, factors=BRIGHTNESS),
            mt.RandAdjustContrastd(keys[:2], prob=1.0, gamma=(1 - GAMMA, 1 + GAMMA)),
        ]
    )
    chain.set_random_state(0)
    return chain


def monai(volumes: torch.Tensor, *, affined: bool) -> Callable[[], object]:
    chain = monai_chain(volumes.shape[-1], affined=affined)
    return lambda: chain({k: volumes[i : i + 1] for i, k in enumerate("abc")})


def batchgenerators(volumes: torch.Tensor) -> Callable[[], object]:
    from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
    from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

    size = tuple(volumes.shape[1:])
    turn = np.deg2rad(DEGREES)
    chain = ComposeTransforms(
        [
            SpatialTransform(
                size,
                patch_center_dist_from_border=0,
                random_crop=False,
                p_elastic_deform=1.0,
                elastic_deform_scale=(KNOT / size[0] / 2, KNOT / size[0] / 2),
                elastic_deform_magnitude=(ELASTIC, ELASTIC),
                p_rotation=1.0,
                rotation=(-turn, turn),
                p_scaling=1.0,
                scaling=(1 - SCALING, 1 + SCALING),
                p_synchronize_scaling_across_axes=1.0,
            ),
            GaussianNoiseTransform((0, NOISE), p_per_channel=1.0, synchronize_channels=False),
            MultiplicativeBrightnessTransform(
                (1 - BRIGHTNESS, 1 + BRIGHTNESS), synchronize_channels=False, p_per_channel=1.0
            ),
            GammaTransform(
                (1 - GAMMA, 1 + GAMMA),
                p_invert_image=0.0,
                synchronize_channels=False,
                p_per_channel=1.0,
                p_retain_stats=0.0,
            ),
        ]
    )
    return lambda: chain(image=volumes.clone())


def torchio(volumes: torch.Tensor) -> Callable[[], object]:
    import torchio as tio

    knots = max(5, round(volumes.shape[-1] / KNOT) + 1)
    chain = tio.Compose(
        [
            tio.RandomAffine(scales=SCALING, degrees=DEGREES, isotropic=True),
            tio.RandomElasticDeformation(num_control_points=knots, max_displacement=2 * ELASTIC),
            tio.RandomNoise(std=(0, NOISE)),
            tio.RandomGamma(log_gamma=GAMMA),
        ]
    )
    return lambda: chain(tio.Subject(image=tio.ScalarImage(tensor=volumes)))


PEERS: dict[str, tuple[str, Callable[[torch.Tensor], Callable[[], object]]]] = {
    "MONAI RandAffined + Rand3DElasticd + 3": ("monai", lambda v: monai(v, affined=True)),
    "MONAI one Rand3DElasticd with affine + 3": ("monai", lambda v: monai(v, affined=False)),
    "batchgeneratorsv2 SpatialTransform + 3": ("batchgeneratorsv2", batchgenerators),
    "TorchIO affine + elastic + noise + gamma": ("torchio", torchio),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    volumes = sample(args.size).to(device)
    all_mri = (OURS, ours(volumes, ("mri", "mri", "mri"), args.batch_size))
    rivals = {OURS: ours(volumes, ("mri", "mri", "dose"), args.batch_size)}
    for name, (package, make) in PEERS.items():
        try:
            rivals[name] = make(volumes)
            rivals[name]()
        except ImportError:
            print(f"{name}: not installed; pip install {package}")
            rivals.pop(name, None)
    notes = {
        "batchgeneratorsv2 SpatialTransform + 3": "intensities of all three channels",
        "TorchIO affine + elastic + noise + gamma": "no brightness; intensities of all three",
    }
    rivals["ours, intensities of all three"] = all_mri[1]
    print(f"augmentation, batch {args.batch_size} of 3 x {args.size}^3, {place(device)}\n")
    print(table(race(rivals, repeats=args.repeats), ours=OURS, notes=notes))


if __name__ == "__main__":
    main()
