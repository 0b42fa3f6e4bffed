"""Scanners: pose of the head, grid of the protocol, MR and CT images of a canvas volume.

Arrays are (X, Y, Z) = (column, row, slice) of the DICOM series; affines lead from voxel indices to
LPS patient coordinates in mm. A pose is a (4, 4) rigid matrix from canvas to patient, both LPS.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ricenet.phantom.canvas import Canvas, smooth_field

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # its own inverse
BRAIN_CENTRE_LPS_MM = np.array([0.0, 14.0, 8.0])
SCAN_TO_CANVAS = 0.7  # MR voxels grow with the canvas: 1.4 times the protocol's at 2 mm
CT_EXTENT_MM = np.array([256.0, 256.0, 240.0])
AIR_HU = -1000.0


@dataclass(frozen=True)
class Scan:
    """An image on its native grid: (X, Y, Z) array and its (4, 4) affine to LPS mm."""

    data: np.ndarray
    affine: np.ndarray


@dataclass(frozen=True)
class Protocol:
    """How an MR series is laid out.

    Parameters
    ----------
    name : str
    directions : three unit vectors, LPS
        Along a row, down a column, from slice to slice (right-handed).
    spacing_mm : three floats
        Distances along these directions, mm.
    extent_mm : three floats
        Field of view along these directions, mm.
    dimension : str
        MRAcquisitionType, "2D" or "3D".
    oblique : bool
        Whether the technician tilts the slices to the head.
    """

    name: str
    directions: tuple[tuple[int, int, int], ...]
    spacing_mm: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    dimension: str
    oblique: bool


AXIAL = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
CORONAL = ((1, 0, 0), (0, 0, -1), (0, 1, 0))
SAGITTAL = ((0, 1, 0), (0, 0, -1), (-1, 0, 0))

SAGITTAL_3D = Protocol("sagittal-3d", SAGITTAL, (1.0, 1.0, 1.0), (240, 240, 188), "3D", False)
AXIAL_3D = Protocol("axial-3d", AXIAL, (0.94, 0.94, 1.2), (200, 240, 196), "3D", True)
CORONAL_3D = Protocol("coronal-3d", CORONAL, (1.0, 1.0, 1.1), (200, 240, 212), "3D", True)
AXIAL_2D = Protocol("axial-2d", AXIAL, (0.9, 0.9, 3.5), (200, 240, 190), "2D", True)

POSTOP_PROTOCOLS = (SAGITTAL_3D, AXIAL_3D, CORONAL_3D)
EVENT_PROTOCOLS = (AXIAL_2D, SAGITTAL_3D, AXIAL_3D, CORONAL_3D)


@dataclass(frozen=True)
class Setup:
    """What differs from scan to scan: slice tilt, off-centring, receiver gain, noise (signal)."""

    tilt_deg: np.ndarray
    offset_mm: np.ndarray
    gain: float
    noise: float


def protocols_of(index: int) -> tuple[Protocol, Protocol]:
    """Return the protocols of a subject's post-operative and event visit, in rotation."""
    postop = POSTOP_PROTOCOLS[index % len(POSTOP_PROTOCOLS)]
    return postop, EVENT_PROTOCOLS[index % len(EVENT_PROTOCOLS)]


def rigid(angles_deg: np.ndarray, shift_mm: np.ndarray) -> np.ndarray:
    """Return (4, 4) matrix: turns by angles about x, y, z (degrees), then a shift (mm)."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(np.deg2rad(angles_deg)), np.sin(np.deg2rad(angles_deg))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_x @ about_y @ about_z
    matrix[:3, 3] = shift_mm
    return matrix


def draw_pose(rng: np.random.Generator, *, angle_deg: float, shift_mm: float) -> np.ndarray:
    """Draw a pose with turns and shifts up to these limits on each axis."""
    angles = rng.uniform(-angle_deg, angle_deg, 3)
    return rigid(angles, rng.uniform(-shift_mm, shift_mm, 3))


def draw_setup(rng: np.random.Generator) -> Setup:
    """Draw what differs from scan to scan."""
    return Setup(
        tilt_deg=rng.uniform(-6, 6, 3),
        offset_mm=rng.uniform(-4, 4, 3),
        gain=float(rng.uniform(350, 900)),
        noise=float(rng.uniform(0.018, 0.035)),
    )


def centred_affine(
    directions: np.ndarray, spacing_mm: np.ndarray, shape: np.ndarray, centre_mm: np.ndarray
) -> np.ndarray:
    """Return the affine of a grid with the given middle.

    The columns of `directions` (3, 3) are its axes.
    """
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((shape - 1) / 2)
    return affine


def mr_grid(
    protocol: Protocol, setup: Setup, *, canvas_mm: float, pose: np.ndarray
) -> tuple[tuple[int, ...], np.ndarray]:
    """Return shape and affine of an MR series, centred on the brain but for the setup's offset."""
    spacing = np.array(protocol.spacing_mm) * max(1.0, SCAN_TO_CANVAS * canvas_mm)
    shape = np.ceil(np.array(protocol.extent_mm) / spacing).astype(int)
    tilt = rigid(setup.tilt_deg, np.zeros(3))[:3, :3] if protocol.oblique else np.eye(3)
    centre = pose[:3, :3] @ BRAIN_CENTRE_LPS_MM + pose[:3, 3] + setup.offset_mm
    directions = tilt @ np.array(protocol.directions, float).T
    return tuple(int(n) for n in shape), centred_affine(directions, spacing, shape, centre)


def axial_grid(
    *, extent_mm: np.ndarray, spacing_mm: np.ndarray, pose: np.ndarray
) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the shape and affine of a grid parallel to the patient's axes (planning CT, dose)."""
    shape = np.ceil(np.asarray(extent_mm) / spacing_mm).astype(int)
    centre = pose[:3, :3] @ BRAIN_CENTRE_LPS_MM + pose[:3, 3]
    affine = centred_affine(np.eye(3), np.asarray(spacing_mm), shape, centre)
    return tuple(int(n) for n in shape), affine


def view(
    volume: np.ndarray,
    *,
    canvas: Canvas,
    pose: np.ndarray,
    shape: tuple[int, ...],
    affine: np.ndarray,
    subslices: int,
) -> np.ndarray:
    """Sample a canvas volume on a patient grid; outside the canvas 0.

    Parameters
    ----------
    volume : (X, Y, Z) float array on the canvas
    canvas : Canvas
    pose : (4, 4) array, canvas to patient, LPS mm
    shape, affine : the grid
    subslices : int
        Samples through the thickness of each slice, averaged: the partial volume of thick slices.

    Returns
    -------
    image : (X, Y, Z) float32 array on the grid
    """
    to_canvas = np.linalg.inv(pose @ RAS_TO_LPS @ canvas.affine) @ affine
    matrix = to_canvas[:3, :3]
    image = np.zeros(shape, np.float32)
    for part in range(subslices):
        through = (part + 0.5) / subslices - 0.5
        offset = to_canvas[:3, 3] + matrix[:, 2] * through
        image += ndimage.affine_transform(
            volume, matrix, offset, output_shape=shape, order=1, output=np.float32
        )
    return image / subslices


def add_mr_artefacts(
    rng: np.random.Generator, image: np.ndarray, *, setup: Setup, spacing_mm: np.ndarray
) -> np.ndarray:
    """Return the receiver bias (12 % rms), Rician noise and gain.

    (X, Y, Z) uint16 array of 12 bits.

    Rician: the magnitude of a complex signal with independent normal noise in both parts
    (Gudbjartsson and Patz, MRM 34, 1995).
    """
    bias = smooth_field(rng, shape=image.shape, spacing_mm=spacing_mm, sigma_mm=55, rms=0.12)
    signal = np.clip(image, 0, None) * np.exp(bias - bias.mean())
    real, imaginary = (
        setup.noise * rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2)
    )
    magnitude = np.hypot(signal + real, imaginary)
    return np.round(np.clip(magnitude * setup.gain, 0, 4095)).astype(np.uint16)


def scan_ct(
    rng: np.random.Generator, hounsfield: np.ndarray, *, canvas: Canvas, pose: np.ndarray
) -> Scan:
    """Return the planning CT, int16 HU with 8 HU of noise, parallel to the couch."""
    spacing = canvas.spacing_mm + np.array([0.0, 0.0, 1.0])
    shape, affine = axial_grid(extent_mm=CT_EXTENT_MM, spacing_mm=spacing, pose=pose)
    # Shifted so that air is 0, which is what lies outside the canvas.
    image = AIR_HU + view(
        hounsfield - np.float32(AIR_HU),
        canvas=canvas, pose=pose, shape=shape, affine=affine, subslices=1,
    )  # fmt: skip
    noisy = image + 8 * rng.standard_normal(shape, dtype=np.float32)
    return Scan(np.round(np.clip(noisy, -1024, 3071)).astype(np.int16), affine)
