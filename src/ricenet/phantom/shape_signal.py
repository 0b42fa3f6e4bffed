"""The second signal: what tells the classes apart is form and texture, not brightness.

Each subject keeps its latents, places and sizes; two findings of the MRI are replaced:

    latent  finding in place of that of `latents`                               visible in
    post    texture of the enhancing rim: share of fine nodules, Phi(-0.8 z)    postop
    event   form of the lesion: ratio of its axes, exp(0.36 z_event)            event

A rim of constant thickness surrounds the cavity. Its texture is a mixture of a coarse and a fine
field, whose shares the latent sets and chance does not: both have mean 0 and variance 1 on the rim
and are uncorrelated there. A monotone map then gives the mixture one distribution for all subjects,
as a scanner's resolution shows it. So mean, variance and maximum of the rim say nothing, its
roughness everything. The lesion becomes an ellipsoid of the same volume. Residual nodules and core
are those of a latent of 0. A reader who measures the finding without error is as good as one of the
first signal: both are monotone in the same latent.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr, ndtri

from ricenet.phantom.anatomy import Anatomy
from ricenet.phantom.canvas import Canvas, smooth_field
from ricenet.phantom.latents import Latents
from ricenet.phantom.pathology import Pathology, Shapes, distance_from_mm

INTENSITY, SHAPE = "intensity", "shape"
SIGNALS = (INTENSITY, SHAPE)

RIM_MM = 8.0
COARSE_MM, FINE_MM = 8.0, 2.5  # Gaussian widths; between two changes of sign lie about 4.4 of them
FINE_SHARE = -0.8  # probit of the fine field's share of the variance, with one unit of the latent
SCAN_BLUR_MM = 1.5  # Gaussian width at which all subjects' rims have one distribution
BRIGHTNESS = (0.5, 0.3)  # of the way from the wall to the brightest nodule: mean, deviation
HALF_BOX_MM = 44.0  # the rim lies within, about the cavity's centre
ELONGATION = 0.12  # of the logarithm of the short axes, to either side, with one unit


def fine_share(latents: Latents) -> float:
    """Return the share of the fine field in the variance of the rim's texture, 0 to 1."""
    return float(ndtr(FINE_SHARE * latents.post))


def axis_ratio(latents: Latents) -> float:
    """Return the lesion's axis of rotation over the other two; above 1 a spindle, below a disc."""
    return float(np.exp(3 * ELONGATION * np.clip(latents.event, -3, 3)))


def of_brightness(latents: Latents) -> Latents:
    """Return the latents that the first signal's findings are drawn from: 0 where replaced."""
    return latents._replace(post=0.0, event=0.0)


def mixture(
    coarse: np.ndarray, fine: np.ndarray, rim: np.ndarray, *, share: float, blur: float
) -> np.ndarray:
    """Mix two fields so that the fine one has a given share of the variance on the rim.

    Parameters
    ----------
    coarse, fine : (X, Y, Z) float arrays
    rim : (X, Y, Z) bool array
    share : float
        0 to 1, of the variance after the blur.
    blur : float
        Gaussian width at which variances are taken and at which the result is normal on the rim
        (mean 0, variance 1), voxels.

    Returns
    -------
    texture : (X, Y, Z) float32 array
    """

    def seen(field: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(field, blur)[rim].astype(float)

    def standardised(field: np.ndarray) -> np.ndarray:
        values = seen(field)
        return (field - values.mean()) / values.std()

    first = standardised(coarse)
    overlap = np.mean(seen(first) * seen(standardised(fine)))
    second = standardised(standardised(fine) - overlap * first)
    mixed = np.sqrt(1 - share) * first + np.sqrt(share) * second
    order = np.sort(seen(mixed))
    normal = ndtri((np.arange(len(order)) + 0.5) / len(order))
    return np.interp(mixed, order, normal).astype(np.float32)


def draw_texture(
    rng: np.random.Generator, planning: Canvas, pathology: Pathology, shapes: Shapes, share: float
) -> np.ndarray:
    """Draw the texture of the rim, (X, Y, Z) float32 array on the planning grid; 0 far away."""
    spacing = planning.spacing_mm
    centre = planning.index_of(pathology.cavity_centre_mm)
    reach = int(np.ceil(HALF_BOX_MM / spacing))
    low = np.clip(centre - reach, 0, np.array(planning.shape) - 2 * reach - 1)
    box = tuple(slice(int(a), int(a) + 2 * reach + 1) for a in low)
    wall = shapes.cavity_mm[box]
    coarse, fine = (
        smooth_field(rng, shape=wall.shape, spacing_mm=spacing, sigma_mm=sigma, rms=1.0)
        for sigma in (COARSE_MM, FINE_MM)
    )
    texture = np.zeros(planning.shape, np.float32)
    texture[box] = mixture(
        coarse, fine, (wall > 0) & (wall < RIM_MM), share=share, blur=SCAN_BLUR_MM / spacing
    )
    return texture


def ellipsoid_mm(
    planning: Canvas, pathology: Pathology, axis: np.ndarray, ratio: float
) -> np.ndarray:
    """Return the distance to an ellipsoid with the volume of the lesion's sphere.

    In units of the sphere's radius, times that: exact on the axes, negative inside; (X, Y, Z).

    Parameters
    ----------
    axis : (3,) array
        Unit vector along the axis of rotation.
    ratio : float
        Of that axis to the other two.
    """
    from_centre = [
        line - np.float32(centre)
        for line, centre in zip(planning.axes_mm(), pathology.lesion_centre_mm, strict=True)
    ]
    along = sum(np.float32(a) * d for a, d in zip(axis, from_centre, strict=True))
    squared = distance_from_mm(planning, pathology.lesion_centre_mm) ** 2
    short = np.float32(ratio ** (-1 / 3))
    across = np.clip(squared - along**2, 0, None) / short**2
    return np.sqrt(across + along**2 / (short * np.float32(ratio)) ** 2) - np.float32(
        pathology.lesion_radius_mm
    )


def reshape(
    rng: np.random.Generator,
    anatomy: Anatomy,
    pathology: Pathology,
    shapes: Shapes,
    latents: Latents,
) -> Shapes:
    """Give rim and lesion the texture and the form that the latents ask for."""
    planning = anatomy.planning
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    sphere = distance_from_mm(planning, pathology.lesion_centre_mm) - pathology.lesion_radius_mm
    ellipsoid = ellipsoid_mm(planning, pathology, axis, axis_ratio(latents))
    texture = draw_texture(rng, planning, pathology, shapes, fine_share(latents))
    return replace(shapes, lesion_mm=shapes.lesion_mm + (ellipsoid - sphere), texture=texture)
