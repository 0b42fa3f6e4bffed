"""The scans of the two MRI visits, and the masks on their grids."""

from dataclasses import dataclass

import numpy as np

from ricenet.phantom.acquisition import (
    Protocol,
    Scan,
    add_mr_artefacts,
    draw_setup,
    mr_grid,
    protocols_of,
    view,
)
from ricenet.phantom.canvas import Canvas
from ricenet.phantom.painting import Visits


@dataclass(frozen=True)
class Visit:
    """One MRI visit: its protocol, image (uint16), brain mask, and finding (bool arrays).

    The finding is the cavity at the post-operative visit, the lesion at the event visit.
    """

    protocol: Protocol
    image: Scan
    brain: np.ndarray
    finding: np.ndarray


def scan_image(
    rng: np.random.Generator,
    signal: np.ndarray,
    *,
    canvas: Canvas,
    pose: np.ndarray,
    protocol: Protocol,
) -> Scan:
    """Scan a canvas volume by a protocol: grid, partial volume, artefacts (uint16)."""
    setup = draw_setup(rng)
    shape, affine = mr_grid(protocol, setup, canvas_mm=canvas.spacing_mm, pose=pose)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    clean = view(
        signal, canvas=canvas, pose=pose, shape=shape, affine=affine,
        subslices=3 if spacing[2] > 2 else 1,
    )  # fmt: skip
    return Scan(add_mr_artefacts(rng, clean, setup=setup, spacing_mm=spacing), affine)


def scan_visit(
    rng: np.random.Generator,
    *,
    signal: np.ndarray,
    brain: np.ndarray,
    finding: np.ndarray,
    canvas: Canvas,
    pose: np.ndarray,
    protocol: Protocol,
) -> Visit:
    """Scan one visit; the masks lie on the native grid of the image."""
    image = scan_image(rng, signal, canvas=canvas, pose=pose, protocol=protocol)
    brain_here, finding_here = (
        view(
            volume, canvas=canvas, pose=pose, shape=image.data.shape, affine=image.affine,
            subslices=1,
        )
        for volume in (brain, finding)
    )  # fmt: skip
    return Visit(protocol, image, brain_here > 0.5, finding_here > 0.5)


def scan_visits(
    streams: dict[str, np.random.Generator],
    visits: Visits,
    *,
    canvas: Canvas,
    poses: dict[str, np.ndarray],
    index: int,
) -> tuple[Visit, Visit]:
    """Scan the post-operative and the event visit, each with its own protocol and pose."""
    postop, event = protocols_of(index)
    return (
        scan_visit(
            streams["postop"], signal=visits.postop, brain=visits.postop_brain,
            finding=visits.cavity, canvas=canvas, pose=poses["postop"], protocol=postop,
        ),
        scan_visit(
            streams["event"], signal=visits.event, brain=visits.event_brain,
            finding=visits.lesion, canvas=canvas, pose=poses["event"], protocol=event,
        ),
    )  # fmt: skip
