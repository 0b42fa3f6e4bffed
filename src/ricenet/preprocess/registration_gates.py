"""Gates on a registration: measures that its optimiser never saw.

ANTs maximises the mutual information of two whole heads. The gates look at the overlap of the brain
masks, the correlation of the images inside them and what a mirrored head would reach; for a
planning CT, which has no brain mask, at the overlap of the head outlines and at whether the brain
lies inside the skull; and for all at the way
there and back, in millimetres. No single one sees every failure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ricenet.config.preprocess import Register
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, from_itk, to_itk
from ricenet.preprocess import left_right
from ricenet.preprocess.left_right import correlation
from ricenet.step import Check, not_made

OUTLINE_MM = 2.0  # an outline needs no finer voxels; at 1 mm it would take half a registration
BONE_HU = 200.0  # above brain, fresh blood and enhancement, below cancellous bone
DEPTH_MM = 2.0  # nearer to its edge a brain mask touches the inner table of the skull


def dice(a: NDArray, b: NDArray) -> float:
    """Return the overlap of two masks, 2 |a and b| / (|a| + |b|); 0 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def head_outline(image: Volume) -> NDArray:
    """Find the filled outline of the head: the largest part above Otsu's threshold."""
    # the logarithm keeps fat and vessels from dominating the threshold; CT begins at -1000 HU
    shifted = Volume(np.log1p(image.data - image.data.min()), image.affine)
    mask = sitk.OtsuThreshold(to_itk(shifted), 0, 1)
    # filled first: a dark skull may part the brain from a thin shell of scalp
    mask = sitk.BinaryMorphologicalOpening(sitk.BinaryFillhole(mask), (2, 2, 2))
    mask = sitk.RelabelComponent(sitk.ConnectedComponent(mask)) == 1
    mask = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(mask, (3, 3, 3)))
    return from_itk(mask).data > 0


def thinned(image: Volume, spacing_mm: float) -> Volume:
    """Keep every n-th voxel, so that they lie about ``spacing_mm`` apart, or as they did."""
    every = [max(1, round(spacing_mm / own)) for own in image.spacing_mm]
    data = image.data[tuple(slice(None, None, n) for n in every)]
    return Volume(data, image.affine @ np.diag([*every, 1]))


def outline_of(image: Volume) -> Volume:
    """Return :func:`head_outline` on voxels of :data:`OUTLINE_MM`; 1 in the head."""
    thin = thinned(image, OUTLINE_MM)
    return Volume(head_outline(thin).astype(np.uint8), thin.affine)


def _onto(volume: Volume, fixed: Volume, transform: sitk.Transform, interpolator: str) -> NDArray:
    grid = (fixed.data.shape, fixed.affine)
    return sample(volume, *grid, interpolator=interpolator, transform=transform).data


def of_brains(
    fixed: Volume,
    moving: Volume,
    masks: Sequence[Volume],
    found: sitk.Transform,
    *,
    limits: Register,
) -> list[Check]:
    """Check overlap and likeness of two brains; ``masks`` are that of the moving, of the fixed."""
    brain = masks[1].data > 0
    moved_brain = _onto(masks[0], fixed, found, "nearest") > 0
    moved = _onto(moving, fixed, found, "linear")
    return [
        Check(
            "brain-overlap",
            dice(brain, moved_brain),
            at_least=limits.min_mask_dice,
            advice="the two brains do not overlap enough (Dice of their masks): look at both "
            "images and both masks in the overview; a wrong mask or series is replaced, a "
            "registration that stopped early may succeed with another register.seed or a higher "
            "register.sampling_rate",
        ),
        Check(
            "brain-correlation",
            correlation(fixed.data, moved, brain & moved_brain),
            at_least=limits.min_correlation,
            advice="the brains overlap but do not look alike: check that both series belong "
            "to this patient and are both of one sequence; accept where the contrast alone differs",
        ),
    ]


def of_sides(found: left_right.Margin, *, least: float) -> Check:
    """Check that the moving image is not mirrored: ``least`` is the smallest margin."""
    if found.difference >= least and not found.refined:
        return not_made(
            "left-right",
            "the mirrored head could not be registered for comparison",
            holds=True,
            advice="whether left and right are exchanged is not known: compare a one-sided "
            "landmark (cavity, lesion) in the overview with the report and the planning CT, then "
            "accept",
        )
    return Check(
        "left-right",
        found.difference,
        at_least=least,
        advice="with left and right exchanged the moving image fits as well or better: one of the "
        "two is mirrored, shows another patient, or is misaligned; compare a one-sided landmark "
        "(cavity, lesion) in the overview with the report and the planning CT, and convert the "
        "series again from its DICOM files",
    )


def of_heads(fixed: Volume, moving: Volume, found: sitk.Transform, *, limits: Register) -> Check:
    """Check the overlap of the two head outlines, in the common field of view."""
    fixed, moving = (thinned(image, OUTLINE_MM) for image in (fixed, moving))
    seen = _onto(
        Volume(np.ones(moving.data.shape, np.uint8), moving.affine), fixed, found, "nearest"
    )
    outline = Volume(head_outline(moving).astype(np.uint8), moving.affine)
    moved = _onto(outline, fixed, found, "nearest") > 0
    return Check(
        "head-overlap",
        dice(head_outline(fixed) & (seen > 0), moved),
        at_least=limits.min_head_dice,
        advice="the outlines of the two heads do not overlap enough: look for a mask, frame, "
        "headrest or short field of view in the planning CT; accept where these alone differ, "
        "otherwise the dose would be misplaced",
    )


def share_in_bone(hounsfield: NDArray, brain: Volume) -> float:
    """Return the share of a brain, less its outermost millimetres, that lies in bone.

    A head fits a brain of its own only: after registration of another person's CT some of the skull
    lies in the brain, however alike the outlines of the two heads are.

    Parameters
    ----------
    hounsfield : (X, Y, Z) array
        CT on the grid of the brain, HU; NaN outside its field of view.
    brain : Volume
        Mask, non-zero in the brain.

    Returns
    -------
    float
        Of the voxels deeper than :data:`DEPTH_MM` that the CT shows; NaN where it shows none.
    """
    # the edge lies half a voxel before the nearest voxel that is none of the brain
    depth_mm = ndimage.distance_transform_edt(brain.data > 0, brain.spacing_mm)
    depth_mm -= min(brain.spacing_mm) / 2
    values = hounsfield[(depth_mm > DEPTH_MM) & np.isfinite(hounsfield)]
    return float((values > BONE_HU).mean()) if values.size else math.nan


def of_skull(ct: Volume, brain: Volume, found: sitk.Transform, *, limits: Register) -> Check:
    """Check how much of the brain lies in bone of a planning CT."""
    seen = _onto(Volume(np.ones(ct.data.shape, np.uint8), ct.affine), brain, found, "nearest") > 0
    share = share_in_bone(np.where(seen, _onto(ct, brain, found, "linear"), np.nan), brain)
    if math.isnan(share) or not (ct.data > BONE_HU).any():
        return not_made(
            "brain-in-bone",
            "the CT does not show the brain" if math.isnan(share) else "the CT shows no bone",
            holds=True,
            advice="whether this CT is of the same person and lies where the skull fits the brain "
            "is not known: give the planning CT of the whole head in HU, or compare the inner "
            "edge of the skull with the brain in the overview, then accept",
        )
    return Check(
        "brain-in-bone",
        share,
        at_most=limits.max_brain_in_bone,
        advice="this share of the brain lies in bone of the planning CT: it shows another person, "
        "is misplaced, or its values are no HU; compare the inner edge of the skull with the brain "
        "in the overview and who the CT is of; the dose would be misplaced",
    )


def there_and_back_mm(region: Volume, there: sitk.Transform, back: sitk.Transform) -> NDArray:
    """Return how far registration there and back displaces the points of a region.

    Parameters
    ----------
    region : Volume
        Mask on the fixed image, whose points are mapped.
    there, back : sitk.Transform
        Points of the fixed to the moving image, and of the moving to the fixed image; estimated
        independently of each other.

    Returns
    -------
    (N,) array
        Millimetres.
    """
    points = transforms.points_in(region)
    returned = transforms.map_points(back, transforms.map_points(there, points))
    return np.linalg.norm(returned - points, axis=1)


def of_repeatability(beside_mm: NDArray, *, limits: Register) -> Check:
    """Check how far a point of the brain is displaced, from :func:`there_and_back_mm`."""
    return Check(
        "registration-repeatability",
        float(beside_mm.max()),
        at_most=limits.max_repeatability_mm,
        unit="mm",
        advice="registration there and back displaces a brain point by this much: one of the two "
        "registrations is lost, and it may be this one; look at the edges of brain and skull in "
        "the overview, check that both images show the same whole head, try another "
        "register.seed; accept where the edges meet",
    )
