"""The two MRI visits and the CT of one subject, painted on the canvas.

A layer replaces the signal v by v + w (value - v) with a weight w from 0 to 1. Layers are composed
on the planning grid into one linear change v -> keep v + add, which is interpolated to the canvas
only once. Signals are in units of white matter; axes are (X, Y, Z) in RAS mm of the canvas.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ricenet.phantom import shape_signal
from ricenet.phantom.anatomy import Anatomy, sample
from ricenet.phantom.canvas import move_to, smooth_field
from ricenet.phantom.pathology import Pathology, Shapes, distance_from_mm

Layer = tuple[np.ndarray, float | np.ndarray]

OEDEMA = 0.45
ENHANCING = 1.45
NECROSIS = 0.35
RIM, NODULE = 0.8, 2.0  # of the second signal: least and most enhancing


@dataclass(frozen=True)
class Visits:
    """What the scanners see, (X, Y, Z) float32 arrays on the canvas.

    `postop`, `event`: signal, white matter = 1. `hounsfield`: planning CT, HU. `postop_brain`,
    `event_brain`, `cavity`, `lesion`: 0 to 1; the last is the lesion at the event visit. `inside`:
    where pathology may be, 0 to 1. `change_mm`: (3, X, Y, Z), where the event visit reads the head.
    """

    postop: np.ndarray
    event: np.ndarray
    hounsfield: np.ndarray
    postop_brain: np.ndarray
    event_brain: np.ndarray
    cavity: np.ndarray
    lesion: np.ndarray
    inside: np.ndarray
    change_mm: np.ndarray


def below(distance_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """Return 1 where a distance is negative, 0 where positive, a `width_mm` sigmoid between."""
    return 1 / (1 + np.exp(np.clip(distance_mm / width_mm, -30, 30)))


def rim(distance_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """Return 1 where a distance is 0, falling off as a Gaussian of standard deviation width."""
    return np.exp(-0.5 * (distance_mm / width_mm) ** 2)


def compose(layers: list[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """Join layers, the first at the bottom, into `keep` and `add` of v -> keep v + add."""
    keep = np.ones_like(layers[0][0])
    add = np.zeros_like(keep)
    for weight, value in layers:
        keep *= 1 - weight
        add += weight * (value - add)
    return keep, add


def paint(
    signal: np.ndarray, layers: list[Layer], *, anatomy: Anatomy, inside: np.ndarray
) -> np.ndarray:
    """Paint the layers over a canvas volume, only where `inside` (X, Y, Z) is 1."""
    keep, add = (move_to(a, anatomy.planning, anatomy.canvas) for a in compose(layers))
    return signal + inside * ((keep - 1) * signal + add)


def postop_layers(pathology: Pathology, shapes: Shapes) -> list[Layer]:
    """Return the oedema, fluid in the cavity, its thin enhancing wall, residual nodules on it."""
    wall = shapes.cavity_mm
    outside = 1 - below(wall, 0.8)
    return [
        (0.35 * below(wall - 9, 3.0) * (wall > 0), OEDEMA),
        (below(wall, 0.8), 0.30),
        (0.75 * rim(wall - 0.8, 1.0), 1.15),
        enhancing_layer(pathology, shapes, outside),
    ]


def enhancing_layer(pathology: Pathology, shapes: Shapes, outside: np.ndarray) -> Layer:
    """Return the residual nodules on the wall, or the rim of the second signal."""
    if shapes.texture is None:
        bears_tumour = below(-shapes.nodules, 0.3)
        return below(shapes.cavity_mm - pathology.residual_mm, 0.7) * outside * bears_tumour, (
            ENHANCING
        )
    mean, deviation = shape_signal.BRIGHTNESS
    brightness = np.clip(mean + deviation * shapes.texture, 0, 1)
    band = below(shapes.cavity_mm - shape_signal.RIM_MM, 0.7) * outside
    return band, RIM + (NODULE - RIM) * brightness


def event_layers(pathology: Pathology, shapes: Shapes) -> list[Layer]:
    """Return the smaller cavity with a thin wall, and the new lesion.

    Oedema, uptake, necrotic core.
    """
    wall, edge = shapes.cavity_mm + 2.5, shapes.lesion_mm
    core_edge = edge + pathology.lesion_radius_mm * (1 - np.clip(pathology.core, 0.05, 0.85))
    core_depth = np.clip(pathology.core + 0.35, 0, 1)
    return [
        (0.35 * below(edge - 10, 4.0), OEDEMA),
        (below(wall, 0.8), 0.25),
        (0.45 * rim(wall - 0.6, 0.9), 1.05),
        (below(edge, 0.8), ENHANCING + 0.05 + 0.1 * shapes.uptake),
        (core_depth * below(core_edge, 0.8), NECROSIS),
    ]


def draw_change_mm(
    rng: np.random.Generator, anatomy: Anatomy, pathology: Pathology, shapes: Shapes
) -> np.ndarray:
    """Draw how the head changes between the visits, (3, X, Y, Z) float32 array on the canvas, mm.

    0.45 mm rms everywhere, and the cavity's wall moves in by `collapse_mm`.
    """
    planning = anatomy.planning
    centre = pathology.cavity_centre_mm
    near_wall = np.exp(-((np.clip(shapes.cavity_mm, 0, None) / 12) ** 2))
    inward = pathology.collapse_mm * near_wall / (distance_from_mm(planning, centre) + 1e-3)
    change = []
    for k, axis in enumerate(planning.axes_mm()):
        everywhere = smooth_field(
            rng, shape=planning.shape, spacing_mm=planning.spacing_mm, sigma_mm=25, rms=0.45
        )
        # Positions are where the event visit reads the earlier head: outward moves the wall in.
        toward = everywhere + inward * (axis - np.float32(centre[k]))
        change.append(move_to(toward, planning, anatomy.canvas))
    return np.stack(change)


def displace(volume: np.ndarray, change_mm: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Read a canvas volume at each voxel plus `change_mm`, a (3, X, Y, Z) array in mm."""
    indices = change_mm / np.float32(spacing_mm)
    for k, line in enumerate(np.ogrid[tuple(slice(n) for n in volume.shape)]):
        indices[k] += line
    return sample(volume, indices)


def paint_visits(
    rng: np.random.Generator, anatomy: Anatomy, pathology: Pathology, shapes: Shapes
) -> Visits:
    """Paint both visits and the CT (drawn from `rng`: tissue texture and change between visits)."""
    canvas = anatomy.canvas
    inside = ndimage.binary_erosion(anatomy.brain > 0.5).astype(np.float32)
    cavity = inside * move_to(below(shapes.cavity_mm, 0.8), anatomy.planning, canvas)
    lesion = inside * move_to(below(shapes.lesion_mm, 0.8), anatomy.planning, canvas)
    texture = 1 + smooth_field(
        rng, shape=canvas.shape, spacing_mm=canvas.spacing_mm, sigma_mm=3, rms=0.025
    )
    postop, event = (
        texture * paint(anatomy.signal, layers, anatomy=anatomy, inside=inside)
        for layers in (postop_layers(pathology, shapes), event_layers(pathology, shapes))
    )
    change = draw_change_mm(rng, anatomy, pathology, shapes)
    event, event_brain, lesion = (
        displace(volume, change, canvas.spacing_mm) for volume in (event, anatomy.brain, lesion)
    )
    return Visits(
        postop=postop,
        event=event,
        hounsfield=anatomy.hounsfield + cavity * (10 - anatomy.hounsfield),
        postop_brain=anatomy.brain,
        event_brain=event_brain,
        cavity=cavity,
        lesion=lesion,
        inside=inside,
        change_mm=change,
    )
