"""T1, T2 and FLAIR of the event visit: the same head, other signals.

Each is a 2D protocol of 5 mm slices with a pose of its own, as a patient moves between two series
of one visit. Signals are relative to a long-T2 fluid (T2, FLAIR) or to white matter (T1), chosen by
eye after published contrasts; axes are (X, Y, Z) in RAS mm of the canvas.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ricenet.phantom import tissue
from ricenet.phantom.acquisition import (
    AXIAL,
    Protocol,
    Scan,
    add_mr_artefacts,
    draw_pose,
    draw_setup,
    mr_grid,
    view,
)
from ricenet.phantom.anatomy import Anatomy, Deformation, canonical_indices, sample
from ricenet.phantom.canvas import Canvas, move_to
from ricenet.phantom.dicom import Pulse
from ricenet.phantom.head import DRAWING, head_shape, paint_regions, tissue_maps
from ricenet.phantom.painting import Layer, below, paint, rim
from ricenet.phantom.pathology import Pathology, Shapes

PROTOCOL = Protocol("axial-2d-5mm", AXIAL, (0.9, 0.9, 5.0), (200, 240, 190), "2D", True)
SUBSLICES = 5
MOST_DEG, MOST_MM = 2.0, 2.0  # between two series of a visit, about and along each axis


class Sequence(NamedTuple):
    """Signals of a sequence, dimensionless, and its times in ms.

    `white`, `grey`, `fluid`: brain. `around`: tissues outside it that differ from T1CE. `oedema`,
    `cavity`, `wall`, `lesion`, `core`: pathology of the event visit.
    """

    white: float
    grey: float
    fluid: float
    around: dict[tissue.Tissue, float]
    oedema: float
    cavity: float
    wall: float
    lesion: float
    core: float
    scanning: list[str]
    repetition_ms: str
    echo_ms: str
    inversion_ms: str


LONG_T2 = {
    tissue.MUSCLE: 0.22, tissue.FAT: 0.75, tissue.CORTICAL_BONE: 0.03, tissue.MARROW: 0.45,
    tissue.MASTOID: 0.12, tissue.MUCOSA: 0.95, tissue.SKIN: 0.35, tissue.NERVE: 0.40,
    tissue.CORD: 0.40, tissue.VEIN: 0.06, tissue.DURA: 0.15,
}  # fmt: skip
SEQUENCES = {
    "t1": Sequence(
        1.0, 0.70, 0.24, {tissue.MUCOSA: 0.60, tissue.VEIN: 0.45},
        oedema=0.60, cavity=0.25, wall=0.70, lesion=0.68, core=0.45,
        scanning=["SE", "IR"], repetition_ms="1900", echo_ms="8.6", inversion_ms="860",
    ),
    "t2": Sequence(
        0.40, 0.55, 1.0, {**LONG_T2, tissue.CSF: 1.0, tissue.VITREOUS: 1.0},
        oedema=0.75, cavity=1.0, wall=0.55, lesion=0.65, core=0.85,
        scanning=["SE"], repetition_ms="4600", echo_ms="111", inversion_ms="",
    ),
    "flair": Sequence(
        0.42, 0.55, 0.05, {**LONG_T2, tissue.CSF: 0.05, tissue.VITREOUS: 0.05},
        oedema=0.85, cavity=0.10, wall=0.60, lesion=0.70, core=0.60,
        scanning=["SE", "IR"], repetition_ms="8000", echo_ms="90", inversion_ms="2500",
    ),
}  # fmt: skip


def pulse_of(name: str) -> Pulse:
    """Return the header's words for a sequence."""
    s = SEQUENCES[name]
    return Pulse(
        f"{name.upper()} {{}}", s.scanning, ["SK"], s.repetition_ms, s.echo_ms, s.inversion_ms, ""
    )


class Series(NamedTuple):
    """An image of the event visit, with the pose of its head: canvas to patient, (4, 4), LPS mm."""

    image: Scan
    pose: np.ndarray


@lru_cache(maxsize=1)
def canonical_tissues(canvas: Canvas) -> dict[str, np.ndarray]:
    """Return the tissues of the canonical brain (once a process)."""
    return tissue_maps(canvas)


@lru_cache(maxsize=1)
def canonical_regions() -> list[tissue.Region]:
    """Return the regions of the canonical head around the brain (once a process)."""
    return tissue.all_regions(head_shape(tissue_maps(DRAWING)["brain"] > 0.5))


@lru_cache(maxsize=len(SEQUENCES))
def canonical_signal(name: str, canvas: Canvas) -> np.ndarray:
    """Paint the canonical head in one sequence, (X, Y, Z) float32 array on the canvas."""
    sequence, maps = SEQUENCES[name], canonical_tissues(canvas)
    regions = [
        (kind._replace(signal=sequence.around.get(kind, kind.signal)), region)
        for kind, region in canonical_regions()
    ]
    outer = ndimage.gaussian_filter(move_to(paint_regions(regions)[0], DRAWING, canvas), 0.6)
    inner = (
        sequence.white * maps["white"] + sequence.grey * maps["grey"]
        + sequence.fluid * maps["fluid"]
    )  # fmt: skip
    return outer * (1 - np.clip(maps["brain"], 0, 1)) + inner


def layers_of(sequence: Sequence, pathology: Pathology, shapes: Shapes) -> list[Layer]:
    """Return the pathology of the event visit, where `painting.event_layers` has it."""
    wall, edge = shapes.cavity_mm + 2.5, shapes.lesion_mm
    core_edge = edge + pathology.lesion_radius_mm * (1 - np.clip(pathology.core, 0.05, 0.85))
    core_depth = np.clip(pathology.core + 0.35, 0, 1)
    return [
        (0.35 * below(edge - 10, 4.0), sequence.oedema),
        (below(wall, 0.8), sequence.cavity),
        (0.45 * rim(wall - 0.6, 0.9), sequence.wall),
        (below(edge, 0.8), sequence.lesion),
        (core_depth * below(core_edge, 0.8), sequence.core),
    ]


def scan_sequences(
    rng: np.random.Generator,
    anatomy: Anatomy,
    deformation: Deformation,
    pathology: Pathology,
    shapes: Shapes,
    *,
    inside: np.ndarray,
    warp: Callable[[np.ndarray], np.ndarray],
    pose: np.ndarray,
) -> dict[str, Series]:
    """Scan the event visit in every sequence.

    Parameters
    ----------
    rng : Generator
        Of poses, setups and noise, one sequence after the other.
    inside : (X, Y, Z) float array
        Where pathology may be, 0 to 1, on the canvas.
    warp : callable
        Brings a canvas volume to the event visit, see `painting.displace`.
    pose : (4, 4) array
        Of the event visit's T1CE.
    """
    canvas, found = anatomy.canvas, {}
    indices = canonical_indices(deformation, canvas)
    for name, sequence in SEQUENCES.items():
        healthy = sample(canonical_signal(name, canvas), indices)
        layers = layers_of(sequence, pathology, shapes)
        signal = warp(paint(healthy, layers, anatomy=anatomy, inside=inside))
        own = draw_pose(rng, angle_deg=MOST_DEG, shift_mm=MOST_MM) @ pose
        setup = draw_setup(rng)
        shape, affine = mr_grid(PROTOCOL, setup, canvas_mm=canvas.spacing_mm, pose=own)
        clean = view(
            signal, canvas=canvas, pose=own, shape=shape, affine=affine, subslices=SUBSLICES
        )
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        image = add_mr_artefacts(rng, clean, setup=setup, spacing_mm=spacing)
        found[name] = Series(Scan(image, affine), own)
    return found
