"""What lies around the brain: tissues, and the regions of a schematic head that they fill.

Regions are listed from back to front: a later one covers an earlier one. All coordinates are RAS
millimetres; the numbers place the organs by eye on the ICBM152 brain and claim no more than that
HD-BET and ANTs take the result for a head.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Tissue(NamedTuple):
    """One tissue: MR signal (white matter = 1), CT number in HU, and whether it is mottled."""

    signal: float
    hounsfield: float
    mottled: bool


AIR = Tissue(0.02, -1000, False)
CSF = Tissue(0.24, 12, False)
MUSCLE = Tissue(0.55, 55, True)
FAT = Tissue(1.35, -95, True)
CORTICAL_BONE = Tissue(0.07, 1100, False)
MARROW = Tissue(0.80, 450, True)
MASTOID = Tissue(0.18, -150, True)
MUCOSA = Tissue(1.15, 40, True)  # takes up contrast agent
SKIN = Tissue(0.75, 30, False)
VITREOUS = Tissue(0.22, 15, False)
NERVE = Tissue(0.60, 30, False)
CORD = Tissue(0.80, 35, False)
VEIN = Tissue(1.60, 45, False)  # takes up contrast agent
DURA = Tissue(0.65, 40, False)

Region = tuple[Tissue, np.ndarray]


@dataclass(frozen=True)
class HeadShape:
    """Coordinates and distances from which the regions are drawn.

    Parameters
    ----------
    x, y, z : broadcastable float arrays, RAS mm
    brain_mm, dura_mm, skin_mm : (X, Y, Z) float arrays
        Signed distance, in mm, to the surface of the brain, to the dura and to the skin; negative
        inside.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    brain_mm: np.ndarray
    dura_mm: np.ndarray
    skin_mm: np.ndarray

    @property
    def body(self) -> np.ndarray:
        """(X, Y, Z) bool array: inside the skin."""
        return self.skin_mm <= 0

    @property
    def skull_mm(self) -> np.ndarray:
        """Thickness of the skull, mm: more at the back of the head."""
        return 7.0 + 1.5 * np.clip(-self.y / 90, -1, 1)


def ellipsoid(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
) -> np.ndarray:
    """Return the distance from `centre` in units of `radii` (both mm): 1 on the ellipsoid."""
    return np.sqrt(sum(((axes[k] - centre[k]) / radii[k]) ** 2 for k in range(3)))


def inside(
    head: HeadShape, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> np.ndarray:
    """Return (X, Y, Z) bool array: inside an ellipsoid given in mm."""
    return ellipsoid((head.x, head.y, head.z), centre, radii) < 1


def body_outline(axes: tuple[np.ndarray, ...], dura_mm: np.ndarray) -> np.ndarray:
    """Return (X, Y, Z) bool array: scalp, face, jaw, neck, nose and ears, unsmoothed."""
    x, y, z = axes
    body = (dura_mm < 17) & (z > -60)
    body |= ((x / 62) ** 2 + ((y + 22) / 66) ** 2 < 1) & (z < -50)
    parts = [
        ((0, 34, -62), (66, 62, 74)),
        ((0, 66, -95), (44, 36, 40)),
        ((0, 104, -58), (13, 16, 24)),
        ((74, -22, -38), (8, 18, 28)),
        ((-74, -22, -38), (8, 18, 28)),
    ]
    for centre, radii in parts:
        body |= ellipsoid((x, y, z), centre, radii) < 1
    return body


def soft_tissue(head: HeadShape) -> list[Region]:
    """Return muscle, with fat below the skin and over the skull, and the temporal muscles in it."""
    body = head.body
    scalp = (head.dura_mm < 18) & (head.dura_mm > 2.5 + head.skull_mm) & (head.z > -20) & body
    fat = ((head.skin_mm > -8) & body) | scalp
    temporal = (np.abs(head.x) > 52) & (np.abs(head.z + 24) < 36) & (np.abs(head.y - 5) < 40)
    return [(MUSCLE, body), (FAT, fat), (MUSCLE, fat & temporal & (head.skin_mm < -5))]


def face(head: HeadShape) -> list[Region]:
    """Return the spine, jaw, nose, sinuses, throat, tongue."""
    vertebrae = ((head.x / 22) ** 2 + ((head.y + 42) / 24) ** 2 < 1) & (head.z < -78)
    jaw = ellipsoid((head.x, head.y, head.z), (0, 40, -104), (50, 52, 26))
    turbinate_gap = np.round(head.x / 4) % 2 == 0
    regions = [
        (MARROW, vertebrae),
        (MARROW, (np.abs(jaw - 1) < 0.12) & (head.y > 20)),
        (MUCOSA, inside(head, (0, 55, -60), (16, 42, 26)) & head.body),
        (AIR, inside(head, (0, 52, -62), (9, 36, 20)) & head.body & turbinate_gap),
    ]
    for side in (-1, 1):
        regions += [
            (MUCOSA, inside(head, (side * 30, 50, -68), (18.4, 20.7, 19.5))),
            (AIR, inside(head, (side * 30, 50, -68), (16, 18, 17))),
            (MASTOID, inside(head, (side * 56, -32, -46), (11, 17, 18))),
        ]
    throat = inside(head, (0, 5, -88), (9, 7, 36))
    tongue = inside(head, (0, 38, -100), (26, 30, 9))
    return [*regions, (AIR, throat), (MUSCLE, tongue)]


def skull(head: HeadShape) -> list[Region]:
    """Return two tables of cortical bone with marrow between them, and the sinuses in them."""
    dura, body = head.dura_mm, head.body
    bone = (dura > 2) & (dura < 2.5 + head.skull_mm) & body & (head.z > -75)
    diploe = (dura > 4.3) & (dura < 1 + head.skull_mm) & body & (head.z > -42)
    sphenoid = inside(head, (0, 12, -34), (13, 14, 9)) & (dura > 2)
    frontal = inside(head, (0, 76, 2), (16, 5, 9)) & (dura > 2) & (head.skin_mm < -6)
    return [(CORTICAL_BONE, bone), (MARROW, diploe), (AIR, sphenoid), (AIR, frontal)]


def orbit(head: HeadShape, side: int) -> list[Region]:
    """Return the fat, eye ball, lens and optic nerve; `side` is -1 (left in x < 0) or 1."""
    hollow = inside(head, (side * 32, 50, -40), (20, 34, 18))
    hollow &= (head.dura_mm > 4) & (head.skin_mm < -2)
    along = np.clip((48 - head.y) / 40, 0, 1)
    off_axis = (head.x - side * (32 - 20 * along)) ** 2 + (head.z + 40 - 10 * along) ** 2
    nerve = (off_axis < 6) & (head.y < 48) & (head.y > 14) & (head.dura_mm > 2)
    return [
        (FAT, hollow),
        (SKIN, hollow & inside(head, (side * 32, 60, -40), (13.5, 13.5, 13.5))),
        (VITREOUS, hollow & inside(head, (side * 32, 60, -40), (12, 12, 12))),
        (SKIN, inside(head, (side * 32, 69, -40), (5, 2.4, 5))),
        (NERVE, nerve),
    ]


def meninges(head: HeadShape) -> list[Region]:
    """Return the CSF inside the dura and around the cord, the dura, the cord."""
    csf = (head.dura_mm <= 2) & (head.z > -76)
    dura = csf & (np.abs(head.dura_mm - 1.9) < 0.7) & (head.z > -60)
    from_canal = head.y + 42 + 0.10 * np.clip(-75 - head.z, 0, None)
    canal = (head.x**2 + from_canal**2 < 100) & (head.z < -66) & (head.brain_mm > 0)
    cord = (head.x**2 + (1.2 * from_canal) ** 2 < 30) & (head.z < -70)
    return [(CSF, csf), (DURA, dura), (CSF, canal), (CORD, cord)]


def vessels(head: HeadShape) -> list[Region]:
    """Return the sagittal and transverse sinus, and the great vessels of the neck."""
    dura = head.dura_mm
    at_dura = (dura > -2.5) & (dura < 2.2)
    sagittal = np.abs(head.x) + 0.8 * (2 - dura) < 4.5
    sagittal = sagittal & at_dura & (head.z > -12) & (head.y < 62)
    transverse = (np.abs(head.z + 16) < 4) & (head.y < -30) & (np.abs(head.x) < 60) & at_dura
    regions = [(VEIN, sagittal), (VEIN, transverse)]
    for side in (-1, 1):
        carotid = ((head.x - side * 26) ** 2 + (head.y + 8) ** 2 < 12) & (head.z < -60)
        jugular = ((head.x - side * 38) ** 2 + (head.y + 20) ** 2 < 26) & (head.z < -60)
        regions += [(VEIN, carotid), (VEIN, jugular)]
    return regions


def all_regions(head: HeadShape) -> list[Region]:
    """Return every region of the head but the brain, from back to front."""
    orbits = [region for side in (-1, 1) for region in orbit(head, side)]
    skin = (SKIN, (head.skin_mm > -2.2) & head.body)
    return [
        *soft_tissue(head), *face(head), *skull(head), *orbits, skin, *meninges(head),
        *vessels(head),
    ]  # fmt: skip
