"""One synthetic patient: all draws in order, without writing anything.

Every stage has its own random stream, so that a change in one leaves the draws of the others.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ricenet.phantom.acquisition import RAS_TO_LPS, Scan, draw_pose, scan_ct
from ricenet.phantom.anatomy import Anatomy, Deformation, deform, draw_deformation
from ricenet.phantom.canvas import Canvas
from ricenet.phantom.head import canonical_head
from ricenet.phantom.latents import Latents, draw_latents, label_of
from ricenet.phantom.painting import Visits, displace, paint_visits
from ricenet.phantom.pathology import (
    Pathology,
    Shapes,
    draw_pathology,
    draw_shapes,
    target_volume,
)
from ricenet.phantom.scan_visits import Visit, scan_visits
from ricenet.phantom.sequences import scan_sequences
from ricenet.phantom.shape_signal import INTENSITY, of_brightness, reshape
from ricenet.phantom.treatment import Treatment, plan_treatment

STREAMS = (
    "latents", "anatomy", "pathology", "visits", "poses", "postop", "event", "ct", "dose",
    "sequences", "shape",
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A subject before any scan: all that is drawn, and what the scanners will see.

    `streams` are the generators of the stages, those of the scans still unused; `poses` are those
    of "postop", "event" and "ct", see :class:`Subject`.
    """

    index: int
    streams: dict[str, np.random.Generator]
    label: int
    latents: Latents
    deformation: Deformation
    anatomy: Anatomy
    pathology: Pathology
    shapes: Shapes
    visits: Visits
    poses: dict[str, np.ndarray]


@dataclass(frozen=True)
class Subject:
    """Everything that is known about one synthetic patient.

    `poses` lead from the canvas to the patient coordinates of "postop", "event", "ct" and of each
    of `sequences`, the further series of the event visit; (4, 4) rigid matrices in LPS mm.
    `cavity_mm` and `lesion_mm` are the centroids of cavity and (event visit's) lesion,
    `distance_mm` their distance as planned; RAS mm of the canvas.
    """

    label: int
    latents: Latents
    pathology: Pathology
    poses: dict[str, np.ndarray]
    postop: Visit
    event: Visit
    ct: Scan
    treatment: Treatment
    cavity_mm: np.ndarray
    lesion_mm: np.ndarray
    brain_ml: float
    sequences: dict[str, Scan]


def random_streams(seed: int, index: int) -> dict[str, np.random.Generator]:
    """Return independent generators that depend on the seed and the subject only."""
    children = np.random.SeedSequence([seed, index]).spawn(len(STREAMS))
    return {
        name: np.random.default_rng(child) for name, child in zip(STREAMS, children, strict=True)
    }


def draw_poses(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw how the head lies at each scan; less freely on the CT couch, under its mask."""
    return {
        "postop": draw_pose(rng, angle_deg=8, shift_mm=10),
        "event": draw_pose(rng, angle_deg=12, shift_mm=15),
        "ct": draw_pose(rng, angle_deg=4, shift_mm=10),
    }


def centroid_mm(weight: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Return the centre of mass of a canvas volume, (3,) RAS mm."""
    axes = canvas.axes_mm()
    total = weight.sum(dtype=np.float64)
    return np.array([float((weight * axis).sum(dtype=np.float64) / total) for axis in axes])


def draw_subject(
    index: int, *, seed: int, canvas_mm: float, scale: float, signal: str = INTENSITY
) -> Drawn:
    """Draw subject `index` (from 0) up to what the scanners will see.

    Parameters as of :func:`build_subject`.
    """
    canvas, streams, label = Canvas(canvas_mm), random_streams(seed, index), label_of(index)
    latents = draw_latents(streams["latents"], label=label, scale=scale)
    deformation = draw_deformation(streams["anatomy"], canvas)
    anatomy = deform(canonical_head(canvas), deformation, canvas)
    drawn_by_brightness = latents if signal == INTENSITY else of_brightness(latents)
    pathology = draw_pathology(streams["pathology"], anatomy, drawn_by_brightness)
    shapes = draw_shapes(streams["pathology"], anatomy, pathology)
    if signal != INTENSITY:
        shapes = reshape(streams["shape"], anatomy, pathology, shapes, latents)
    return Drawn(
        index=index,
        streams=streams,
        label=label,
        latents=latents,
        deformation=deformation,
        anatomy=anatomy,
        pathology=pathology,
        shapes=shapes,
        visits=paint_visits(streams["visits"], anatomy, pathology, shapes),
        poses=draw_poses(streams["poses"]),
    )


def plan_dose(drawn: Drawn) -> Treatment:
    """Plan the radiotherapy of a subject."""
    target = target_volume(drawn.anatomy, drawn.pathology, drawn.shapes)
    return plan_treatment(
        drawn.streams["dose"], drawn.anatomy, target, index=drawn.index, pose=drawn.poses["ct"]
    )


def build_subject(
    index: int,
    *,
    seed: int,
    canvas_mm: float,
    scale: float,
    sequences: bool = False,
    signal: str = INTENSITY,
) -> Subject:
    """Build subject `index` (from 0) in memory.

    Parameters
    ----------
    index : int
    seed : int
    canvas_mm : float
        Spacing of the grid that the head is made on: 1 in full, 2 about eight times faster.
    scale : float
        Factor on the separation of the classes, see `latents`.
    sequences : bool
        Whether to make T1, T2 and FLAIR of the event visit, see `sequences`.
    signal : str
        Whether findings differ in brightness (`latents`) or in form and texture (`shape_signal`).
    """
    drawn = draw_subject(index, seed=seed, canvas_mm=canvas_mm, scale=scale, signal=signal)
    canvas, streams, visits = drawn.anatomy.canvas, drawn.streams, drawn.visits
    poses = drawn.poses
    postop, event = scan_visits(streams, visits, canvas=canvas, poses=poses, index=index)
    further = {}
    if sequences:
        warp = partial(displace, change_mm=visits.change_mm, spacing_mm=canvas.spacing_mm)
        further = scan_sequences(
            streams["sequences"], drawn.anatomy, drawn.deformation, drawn.pathology, drawn.shapes,
            inside=visits.inside, warp=warp, pose=poses["event"],
        )  # fmt: skip
        poses = poses | {name: series.pose for name, series in further.items()}
    return Subject(
        label=drawn.label,
        latents=drawn.latents,
        pathology=drawn.pathology,
        poses=poses,
        postop=postop,
        event=event,
        ct=scan_ct(streams["ct"], visits.hounsfield, canvas=canvas, pose=poses["ct"]),
        treatment=plan_dose(drawn),
        cavity_mm=centroid_mm(visits.cavity, canvas),
        lesion_mm=centroid_mm(visits.lesion, canvas),
        brain_ml=float((visits.postop_brain > 0.5).sum() * canvas_mm**3 / 1000),
        sequences={name: series.image for name, series in further.items()},
    )


def point_in(subject: Subject, point_mm: np.ndarray, where: str) -> np.ndarray:
    """Move a canvas point to the patient coordinates of a scan; both (3,) RAS mm."""
    matrix = RAS_TO_LPS @ subject.poses[where] @ RAS_TO_LPS
    return matrix[:3, :3] @ point_mm + matrix[:3, 3]


def rigid_between(subject: Subject, first: str, second: str) -> np.ndarray:
    """Return (4, 4) matrix that maps points of one scan's patient space to another's, RAS mm."""
    matrix = subject.poses[second] @ np.linalg.inv(subject.poses[first])
    return RAS_TO_LPS @ matrix @ RAS_TO_LPS
