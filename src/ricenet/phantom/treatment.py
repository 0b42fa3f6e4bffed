"""Radiotherapy: course, beams and dose.

Arrays are (X, Y, Z) on a grid parallel to the LPS patient axes. Gantry angles follow IEC 61217 for
a patient head first, supine: 0 degrees comes from the front, 90 degrees from the patient's left.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ricenet.phantom.acquisition import Scan, axial_grid, view
from ricenet.phantom.anatomy import Anatomy
from ricenet.phantom.canvas import sample_axes

COURSES = ((30, 60.0), (33, 59.4))  # fractions, prescribed Gy
SINGLE_FRACTION_EVERY = 3  # subjects
UNEQUAL_SPACING_EVERY = 4  # subjects
DOSE_EXTENT_MM = np.array([230.0, 250.0, 210.0])
ATTENUATION_PER_MM = 0.005  # about that of 6 MV photons in water
BUILD_UP_MM = 6.0
PENUMBRA_MM = 4.0


@dataclass(frozen=True)
class Course:
    """A treatment: number of fractions, prescribed total in Gy, and which of them RTDOSE holds."""

    fractions: int
    prescription_gy: float
    single_fraction: bool


@dataclass(frozen=True)
class Treatment:
    """A course as planned: its dose (course total, Gy), gantry angles, isocentre in LPS mm."""

    course: Course
    dose: Scan
    gantry_deg: list[float]
    isocentre_mm: np.ndarray


def course_of(index: int) -> Course:
    """Return the course of subject `index`, in rotation, so that a small cohort has every kind."""
    fractions, prescription = COURSES[index % len(COURSES)]
    return Course(fractions, prescription, index % SINGLE_FRACTION_EVERY == 1)


def dose_spacing_mm(index: int, canvas_mm: float) -> np.ndarray:
    """Return the spacing of the stored dose.

    On some subjects unequal along all axes, as the standard allows.

    A reader that takes the row spacing for the column spacing goes wrong on those.
    """
    base = 2.0 + canvas_mm / 2
    unequal = index % UNEQUAL_SPACING_EVERY == UNEQUAL_SPACING_EVERY - 2
    return base * np.array([1.0, 1.2, 0.8] if unequal else [1.0, 1.0, 1.0])


def draw_gantry(rng: np.random.Generator) -> list[float]:
    """Draw 5 to 9 evenly spaced gantry angles, degrees."""
    beams = int(rng.integers(5, 10))
    first = rng.uniform(0, 360 / beams)
    return [round(float(first + 360 * beam / beams), 1) for beam in range(beams)]


def turn(volume: np.ndarray, gantry_deg: float) -> np.ndarray:
    """Rotate (X, Y, Z) about Z through the middle: axis 1 then runs along the angle's beam."""
    sine, cosine = np.sin(np.deg2rad(gantry_deg)), np.cos(np.deg2rad(gantry_deg))
    across, along = (cosine, sine), (-sine, cosine)  # in (L, P)
    matrix = np.array([[across[0], along[0], 0], [across[1], along[1], 0], [0, 0, 1]])
    middle = (np.array(volume.shape) - 1) / 2
    return ndimage.affine_transform(volume, matrix, middle - matrix @ middle, order=1)


def beam_dose(
    target: np.ndarray, body: np.ndarray, *, gantry_deg: float, spacing_mm: float
) -> np.ndarray:
    """Return the dose of one beam, arbitrary unit.

    The target's outline, with penumbra, along its depth.
    """
    target, body = (turn(mask, gantry_deg) > 0.5 for mask in (target, body))
    aperture = ndimage.binary_dilation(target.any(axis=1)).astype(np.float32)
    aperture = ndimage.gaussian_filter(aperture, PENUMBRA_MM / spacing_mm)
    depth_mm = np.cumsum(body, axis=1, dtype=np.float32) * spacing_mm
    by_depth = np.exp(-ATTENUATION_PER_MM * depth_mm) * (1 - np.exp(-depth_mm / BUILD_UP_MM))
    return turn(aperture[:, None, :] * by_depth * body, -gantry_deg)


def dose_on(
    target: np.ndarray,
    body: np.ndarray,
    *,
    gantry_deg: list[float],
    spacing_mm: float,
    prescription_gy: float,
) -> np.ndarray:
    """Sum the beams and scale to the prescription (median of the target's inside).

    Parameters
    ----------
    target, body : (X, Y, Z) float arrays, 0 to 1
    gantry_deg : list of float
    spacing_mm : float
        Of the grid, equal along all axes.
    prescription_gy : float

    Returns
    -------
    dose : (X, Y, Z) float32 array, Gy
    """
    dose = np.zeros(target.shape, np.float32)
    for angle in gantry_deg:
        dose += beam_dose(target, body, gantry_deg=angle, spacing_mm=spacing_mm)
    core = ndimage.binary_erosion(target > 0.5)
    return np.clip(dose * np.float32(prescription_gy / np.median(dose[core])), 0, None)


def plan_treatment(
    rng: np.random.Generator,
    anatomy: Anatomy,
    target: np.ndarray,
    *,
    index: int,
    pose: np.ndarray,
) -> Treatment:
    """Plan the beams on a subject, and resample the dose onto the grid that it is stored on."""
    course, gantry = course_of(index), draw_gantry(rng)
    spacing = dose_spacing_mm(index, anatomy.canvas.spacing_mm)
    fine = float(spacing[0])  # turning needs equal spacing
    shape, affine = axial_grid(extent_mm=DOSE_EXTENT_MM, spacing_mm=np.full(3, fine), pose=pose)
    target_here, body_here = (
        view(volume, canvas=anatomy.planning, pose=pose, shape=shape, affine=affine, subslices=1)
        for volume in (target.astype(np.float32), anatomy.body)
    )
    dose = dose_on(
        target_here, body_here, gantry_deg=gantry, spacing_mm=fine,
        prescription_gy=course.prescription_gy,
    )  # fmt: skip
    centre = np.array(ndimage.center_of_mass(target_here))
    isocentre = affine[:3, :3] @ centre + affine[:3, 3]
    return Treatment(course, regrid(Scan(dose, affine), spacing), gantry, isocentre)


def regrid(dose: Scan, spacing_mm: np.ndarray) -> Scan:
    """Interpolate an axis-parallel dose to another spacing, first voxel and extent kept."""
    old = np.diag(dose.affine)[:3]
    shape = np.floor((np.array(dose.data.shape) - 1) * old / spacing_mm).astype(int) + 1
    steps = [np.arange(shape[k]) * spacing_mm[k] / old[k] for k in range(3)]
    affine = dose.affine.copy()
    affine[:3, :3] = np.diag(spacing_mm)
    return Scan(sample_axes(dose.data, steps), affine)
