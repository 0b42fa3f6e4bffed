"""Where a registration begins: the best of many poses of one head on the other.

A head is tried in rotations all round, and the best poses are improved, on coarse copies of both
images, as Jenkinson and Smith do (Medical Image Analysis 5 (2001) 143). How well a pose fits is
the normalised mutual information of all voxels in both fields of view (Studholme et al., Pattern
Recognition 32 (1999) 71). Nothing is drawn by chance: the same images give the same bits.

Poses are (4, 4) matrices from points of the fixed to points of the moving image, RAS mm.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from ricenet.image.information import entropy
from ricenet.image.interpolation import coarse
from ricenet.image.volume import Volume

GRIDS_MM = 8.0, 5.0  # on which poses are compared, and the best one is improved
# patients lie up to 45 degrees askew about each of three axes: about 80 degrees in all. Rotations
# of a cubic lattice are at most 26 degrees from their nearest; the improvement goes that far
LARGEST_DEG, STEP_DEG = 80.0, 30.0
KEPT = 3  # poses that are improved
BINS = 32
LEAST_OVERLAP = 0.3  # of the fixed image's voxels; little overlap can fit well by accident
UNIT = 10.0  # degrees and mm: the optimiser's first step
PRECISION = 0.1  # of the unit, where the optimiser stops


def best_pose(fixed: Volume, moving: Volume, *, evaluations: tuple[int, int]) -> NDArray:
    """Find the pose from which an optimiser should begin.

    Parameters
    ----------
    fixed, moving : Volume
        Whole heads.
    evaluations : 2 ints
        Most poses that are looked at while one is improved, on each of :data:`GRIDS_MM`.

    Raises
    ------
    ValueError
        An image without content.
    """
    first, second = (
        Likeness(*(coarse(v, spacing_mm=max(mm, *v.spacing_mm)) for v in (fixed, moving)))
        for mm in GRIDS_MM
    )
    tried = np.array([[*rotation, 0, 0, 0] for rotation in rotations()])
    order = np.argsort([-first(x) for x in tried], kind="stable")
    improved = [_improved(first, x, evaluations[0]) for x in tried[order[:KEPT]]]
    return first.pose(_improved(second, max(improved, key=second), evaluations[1]))


def rotations() -> NDArray:
    """Return the rotation vectors that are tried, (N, 3) degrees: a lattice in a ball."""
    steps = range(-int(LARGEST_DEG // STEP_DEG), int(LARGEST_DEG // STEP_DEG) + 1)
    lattice = STEP_DEG * np.array(list(product(steps, repeat=3)), dtype=np.float64)
    return lattice[np.linalg.norm(lattice, axis=1) <= LARGEST_DEG]


class Likeness:
    """How well two images fit in a pose, given as rotation vector (degrees) and shift (mm).

    The rotation is about the centre of mass of the fixed image, which comes to lie at that of the
    moving one, but for the shift.
    """

    def __init__(self, fixed: Volume, moving: Volume) -> None:
        self.centre_mm, self.target_mm = centre_of_mass(fixed), centre_of_mass(moving)
        index = np.indices(fixed.data.shape).reshape(3, -1).T
        self.points = index @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
        self.fixed = grey_levels(fixed.data).ravel().astype(np.intp)
        self.moving, self.to_moving = grey_levels(moving.data), np.linalg.inv(moving.affine)

    def pose(self, x: NDArray) -> NDArray:
        """Return the matrix of a pose."""
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_rotvec(x[:3], degrees=True).as_matrix()
        matrix[:3, 3] = self.target_mm + x[3:] - matrix[:3, :3] @ self.centre_mm
        return matrix

    def __call__(self, x: NDArray) -> float:
        """Return the normalised mutual information, 1 to 2; 1 where the images hardly overlap."""
        to_moving = self.to_moving @ self.pose(x)
        places = self.points @ to_moving[:3, :3].T + to_moving[:3, 3]
        inside = ((places >= 0) & (places <= np.array(self.moving.shape) - 1)).all(axis=1)
        if inside.mean() < LEAST_OVERLAP:
            return 1.0
        values = ndimage.map_coordinates(self.moving, places[inside].T, order=1)
        return normalised_mutual_information(self.fixed[inside], values)


def centre_of_mass(image: Volume) -> NDArray:
    """Return the centre of an image's grey levels above its darkest; (3,) array, RAS mm."""
    weight = grey_levels(image.data)
    if not weight.any():
        raise ValueError("an image without content")
    return image.affine[:3, :3] @ ndimage.center_of_mass(weight) + image.affine[:3, 3]


def grey_levels(data: NDArray) -> NDArray:
    """Scale values to 0 to :data:`BINS` - 1; the brightest and darkest 0.5 % are cut off."""
    low, high = np.percentile(data, [0.5, 99.5])
    scale = (BINS - 1) / (high - low) if high > low else 0.0
    return np.clip((data - low) * scale, 0, BINS - 1).astype(np.float32)


def normalised_mutual_information(levels: NDArray, values: NDArray) -> float:
    """Return (H(a) + H(b)) / H(a, b) of two images; 1 where they say nothing of each other.

    Parameters
    ----------
    levels : (N,) int array
        Grey levels of one image, below :data:`BINS`.
    values : (N,) float array
        Grey levels of the other; each counts in the two bins beside it, so that the measure has no
        steps.
    """
    lower = values.astype(np.intp)
    upper_share = values - lower
    counts = np.bincount(levels * BINS + lower, 1 - upper_share, BINS**2) + np.bincount(
        levels * BINS + np.minimum(lower + 1, BINS - 1), upper_share, BINS**2
    )
    joint = counts.reshape(BINS, BINS) / counts.sum()
    together = entropy(joint)
    return (entropy(joint.sum(0)) + entropy(joint.sum(1))) / together if together else 1.0


def _improved(likeness: Callable[[NDArray], float], x: NDArray, evaluations: int) -> NDArray:
    """Return the pose near one that fits best, by Powell's method."""
    if not evaluations:
        return x
    found = optimize.minimize(
        lambda y: -likeness(y * UNIT),
        x / UNIT,
        method="Powell",
        options={"xtol": PRECISION, "ftol": 1e-4, "maxfev": evaluations},
    )
    return np.asarray(found.x * UNIT)
