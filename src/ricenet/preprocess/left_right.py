"""Are left and right of two registered heads the same? Then a mirrored head fits worse.

A head mirrored from left to right registers almost as well as the true one: its outline is the
same. What differs is the folding of the cortex and every lesion, and a 3 mm grid shows that well
enough, in about a second. Another patient's head fits no better than one's own mirrored, whatever
the contrast of the images, so that the same number finds the wrong patient.

Arrays are (X, Y, Z), points and planes in RAS mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ricenet.image import transforms
from ricenet.image.information import BINS, normalised_mutual_information
from ricenet.image.interpolation import coarse, sample
from ricenet.image.volume import Volume, to_itk

GRID_MM = 3.0
SEARCH_MM = 6.0
# a head lies up to 35 degrees askew in its scanner; from the nearest plane of these the refinement
# finds its way, from one 20 degrees off it does not
PLANE_DEG = range(-30, 31, 10)


@dataclass(frozen=True)
class Pair:
    """Two registered heads on coarse grids.

    Attributes
    ----------
    fixed, moving : Volume
        The images.
    brain, moving_brain : Volume
        Masks; ``brain`` lies on the grid of ``fixed``, ``moving_brain`` on any.
    found : sitk.Transform
        Brings ``moving`` onto ``fixed``.
    unlike : bool
        Whether the two are of unlike contrast, so that correlation says nothing.
    """

    fixed: Volume
    moving: Volume
    brain: Volume
    moving_brain: Volume
    found: sitk.Transform
    unlike: bool

    def onto_fixed(self, volume: Volume, steps: Sequence[sitk.Transform], how: str) -> NDArray:
        """Sample a moving volume on the fixed grid, moved further by ``steps``."""
        grid = (self.fixed.data.shape, self.fixed.affine)
        chain = transforms.chain([self.found, *steps])
        return sample(volume, *grid, interpolator=how, transform=chain).data

    def likeness(self, steps: Sequence[sitk.Transform]) -> float:
        """Return the likeness where both brains lie, the moving image shifted by ``steps``."""
        moved_brain = self.onto_fixed(self.moving_brain, steps, "nearest") > 0
        moved = self.onto_fixed(self.moving, steps, "linear")
        measure = normalised_mutual_information if self.unlike else correlation
        return measure(self.fixed.data, moved, (self.brain.data > 0) & moved_brain)


class Margin(NamedTuple):
    """How much more alike two heads are than one and the other mirrored.

    Attributes
    ----------
    difference : float
        Likeness as registered, less ``mirrored``.
    mirrored : float
        Likeness of the mirrored image, at its best.
    refined : bool
        Whether the mirrored image was brought to its best. Where not, it may fit better than
        ``mirrored`` says, and ``difference`` is at most this large.
    """

    difference: float
    mirrored: float
    refined: bool


def correlation(a: NDArray, b: NDArray, inside: NDArray) -> float:
    """Return the Pearson correlation of two images inside a mask; 0 where it is undefined."""
    x, y = a[inside].astype(np.float64), b[inside].astype(np.float64)
    if x.size < 2 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def reflection(centre_mm: NDArray, *, yaw_deg: float, roll_deg: float) -> NDArray:
    """Return the matrix that mirrors points at a sagittal plane, turned about z and then y.

    Parameters
    ----------
    centre_mm : (3,) array
        A point of the plane.
    yaw_deg, roll_deg : float
        Turns of the plane; where both are 0 its normal is the x axis.

    Returns
    -------
    (4, 4) array
        Its own inverse.
    """
    turn = Rotation.from_euler("zy", [yaw_deg, roll_deg], degrees=True)
    normal = turn.apply([1.0, 0, 0])
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * normal * (normal @ centre_mm)
    return matrix


def margin(
    fixed: Volume,
    moving: Volume,
    masks: Sequence[Volume],
    found: sitk.Transform,
    *,
    unlike: bool = False,
) -> Margin:
    """Return the likeness in the brain as registered, less the mirrored image's best.

    It is the correlation, or of images of unlike contrast normalised mutual information.

    Parameters
    ----------
    fixed, moving : Volume
        The two heads.
    masks : 2 Volumes
        Brain of the moving and of the fixed head.
    found : sitk.Transform
        Brings ``moving`` onto ``fixed``.
    unlike : bool
        Whether the two are of unlike contrast.

    Returns
    -------
    Margin
        Its difference is clearly negative where one image is mirrored, and about 0 or less where
        the heads are those of two people or badly aligned.
    """
    rough, fine = (pair_of(fixed, moving, masks, found, mm, unlike) for mm in (SEARCH_MM, GRID_MM))
    start = _mirror_plane(rough)
    tries, further = [[start]], _refined(fine, start)
    if further is not None:
        tries.append([start, further])
    mirrored = max(map(fine.likeness, tries))
    return Margin(fine.likeness([]) - mirrored, mirrored, refined=further is not None)


def pair_of(
    fixed: Volume,
    moving: Volume,
    masks: Sequence[Volume],
    found: sitk.Transform,
    spacing_mm: float,
    unlike: bool,
) -> Pair:
    """Return two registered heads on grids of ``spacing_mm``, for :meth:`Pair.likeness`."""
    target = coarse(fixed, spacing_mm=spacing_mm)
    brain = sample(masks[1], target.data.shape, target.affine, interpolator="nearest")
    return Pair(target, coarse(moving, spacing_mm=spacing_mm), brain, masks[0], found, unlike)


def centre_mm_of(mask: Volume) -> NDArray:
    """Return the centre of mass of a mask's voxels; (3,) array, RAS mm."""
    middle = np.argwhere(mask.data > 0).mean(axis=0)
    return mask.affine[:3, :3] @ middle + mask.affine[:3, 3]


def _mirror_plane(pair: Pair) -> sitk.Transform:
    """Mirror at the plane through the brain's centre that makes the images most alike."""
    centre_mm = centre_mm_of(pair.brain)
    planes = [
        transforms.from_matrix_ras(reflection(centre_mm, yaw_deg=yaw, roll_deg=roll))
        for yaw, roll in product(PLANE_DEG, PLANE_DEG)
    ]
    return max(planes, key=lambda plane: pair.likeness([plane]))


def _refined(pair: Pair, start: sitk.Transform) -> sitk.Transform | None:
    """Find the rigid motion near ``start`` that makes the images most alike; None if it is lost."""
    motion = sitk.Euler3DTransform()
    motion.SetCenter((centre_mm_of(pair.brain) * (-1, -1, 1)).tolist())
    mirrored = Volume(pair.onto_fixed(pair.moving, [start], "linear"), pair.fixed.affine)
    method = sitk.ImageRegistrationMethod()
    if pair.unlike:
        method.SetMetricAsMattesMutualInformation(BINS)
    else:
        method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(to_itk(pair.brain))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([GRID_MM, 0])
    method.SetInitialTransform(motion, inPlace=True)
    try:
        method.Execute(to_itk(pair.fixed), to_itk(mirrored))
    except RuntimeError:  # it lost the overlap of the two heads
        return None
    return motion
