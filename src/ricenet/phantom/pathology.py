"""Cavity, residual tumour, target volume and lesion of one subject, and where they lie.

Drawn and worked out on the planning grid of `anatomy`, axes (X, Y, Z) in RAS mm of the canvas.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ricenet.phantom import latents as label_model
from ricenet.phantom.anatomy import Anatomy
from ricenet.phantom.canvas import Canvas, smooth_field
from ricenet.phantom.latents import Latents

SITE_STEP_MM = 4.0
LESION_TRIES = 300
NEAREST_LESION_MM = 4.0  # beyond the cavity's radius
FARTHEST_LESION_MM = 52.0
TARGET_MARGIN_MM = (4.0, 32.0)  # least and most, around the cavity
NODULAR_SHARE = 0.45  # of the cavity's wall


@dataclass(frozen=True)
class Pathology:
    """What was drawn for a subject: centres in RAS mm of the canvas, lengths in mm.

    `core` is the necrotic fraction of the lesion's radius; `margin_mm` leads from the cavity's
    wall to the edge of the target volume; `collapse_mm` is how far the wall moves in until the
    event visit.
    """

    cavity_centre_mm: np.ndarray
    cavity_radius_mm: float
    margin_mm: float
    lesion_centre_mm: np.ndarray
    lesion_radius_mm: float
    residual_mm: float
    core: float
    collapse_mm: float


@dataclass(frozen=True)
class Shapes:
    """Random outlines and textures on the planning grid, (X, Y, Z) float32 arrays.

    `cavity_mm` and `lesion_mm` are distances to the irregular wall, mm, negative inside;
    `nodules` is positive over the part of the wall that bears residual tumour; `uptake` (rms 1) is
    the texture of the lesion. `texture`, of the second signal alone, is that of the rim: normal,
    mean 0, variance 1 (`shape_signal`).
    """

    cavity_mm: np.ndarray
    lesion_mm: np.ndarray
    nodules: np.ndarray
    uptake: np.ndarray
    texture: np.ndarray | None = None


def cavity_sites_mm(anatomy: Anatomy) -> np.ndarray:
    """Return the points where a cavity may lie.

    Deep white matter of either hemisphere; (N, 3), RAS mm.
    """
    planning = anatomy.planning
    step = max(1, round(SITE_STEP_MM / planning.spacing_mm))
    white, dura = (volume[::step, ::step, ::step] for volume in (anatomy.white, anatomy.dura_mm))
    voxels = np.argwhere((white > 0.7) & (dura < -12) & (dura > -28)) * step
    points = voxels @ planning.affine[:3, :3] + planning.affine[:3, 3]
    return points[(np.abs(points[:, 0]) > 22) & (points[:, 2] > -8)]


def bears_lesion(points_mm: np.ndarray, anatomy: Anatomy) -> np.ndarray:
    """Return (N,) bool array: which of (N, 3) points lie in white matter, away from the dura."""
    last = np.array(anatomy.planning.shape) - 1
    voxels = np.clip(anatomy.planning.index_of(points_mm), 0, last)
    i, j, k = voxels.T
    in_white = (anatomy.planning_brain[i, j, k] > 0.5) & (anatomy.white[i, j, k] > 0.3)
    return in_white & (anatomy.dura_mm[i, j, k] < -7)


def draw_lesion_centre(
    rng: np.random.Generator, anatomy: Anatomy, *, cavity_mm: np.ndarray, distance_mm: float
) -> np.ndarray:
    """Draw a point in white matter at a distance from the cavity's centre, (3,) RAS mm.

    Where no direction leads to white matter the distance shrinks until one does.
    """
    for attempt in range(40):
        directions = rng.standard_normal((LESION_TRIES, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        points = cavity_mm + directions * distance_mm * 0.95**attempt
        fitting = points[bears_lesion(points, anatomy)]
        if len(fitting):
            return fitting[0]
    raise ValueError(f"no place for a lesion about the cavity at {cavity_mm}: take another --seed")


def draw_pathology(rng: np.random.Generator, anatomy: Anatomy, latents: Latents) -> Pathology:
    """Draw the places and sizes that the latents leave open, and derive the rest from them."""
    sites = cavity_sites_mm(anatomy)
    cavity = sites[rng.integers(len(sites))]
    cavity_radius = float(rng.uniform(10, 15))
    distance = label_model.lesion_distance_mm(latents)
    distance = float(np.clip(distance, cavity_radius + NEAREST_LESION_MM, FARTHEST_LESION_MM))
    margin = label_model.dose_radius_mm(latents) - cavity_radius
    return Pathology(
        cavity_centre_mm=cavity,
        cavity_radius_mm=cavity_radius,
        margin_mm=float(np.clip(margin, *TARGET_MARGIN_MM)),
        lesion_radius_mm=float(rng.uniform(7, 12)),
        collapse_mm=float(rng.uniform(0.5, 2.0)),
        lesion_centre_mm=draw_lesion_centre(rng, anatomy, cavity_mm=cavity, distance_mm=distance),
        residual_mm=label_model.residual_mm(latents),
        core=label_model.core_fraction(latents),
    )


def distance_from_mm(canvas: Canvas, point_mm: np.ndarray) -> np.ndarray:
    """Return the distance of each voxel from a point, (X, Y, Z) float32 array, mm."""
    axes = canvas.axes_mm()
    return np.sqrt(sum((axes[k] - np.float32(point_mm[k])) ** 2 for k in range(3)))


def draw_shapes(rng: np.random.Generator, anatomy: Anatomy, pathology: Pathology) -> Shapes:
    """Draw the irregular outlines of cavity and lesion, and their textures."""
    planning = anatomy.planning

    def field(sigma_mm: float, rms: float) -> np.ndarray:
        return smooth_field(
            rng, shape=planning.shape, spacing_mm=planning.spacing_mm, sigma_mm=sigma_mm, rms=rms
        )

    cavity = distance_from_mm(planning, pathology.cavity_centre_mm) - pathology.cavity_radius_mm
    lesion = distance_from_mm(planning, pathology.lesion_centre_mm) - pathology.lesion_radius_mm
    cavity += field(7, 3.2)
    nodules = field(9, 1.0)
    # Levelled on the wall, or chance would leave some walls bare whatever the latent says.
    level = np.quantile(nodules[np.abs(cavity) < planning.spacing_mm], 1 - NODULAR_SHARE)
    return Shapes(
        cavity_mm=cavity,
        lesion_mm=lesion + field(4, 2.0),
        nodules=nodules - np.float32(level),
        uptake=field(3, 1.0),
    )


def target_volume(anatomy: Anatomy, pathology: Pathology, shapes: Shapes) -> np.ndarray:
    """Return the planning target volume.

    The cavity and a margin inside the brain; (X, Y, Z) bool array.
    """
    brain = ndimage.binary_dilation(anatomy.planning_brain > 0.5)
    return (shapes.cavity_mm < pathology.margin_mm) & brain
