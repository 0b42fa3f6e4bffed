"""Volumes on a grid in space: load, save, compare, convert.

Arrays are ``(X, Y, Z)`` and affines map voxel indices to RAS+ millimetres (nibabel's convention).
ITK works in LPS; the conversion between the two lives here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from isal import igzip
from numpy.typing import NDArray

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
AFFINE_TOLERANCE_MM = 1e-3
# NIfTI stores three of a quaternion's four numbers in single precision: near a half turn the fourth
# is known to 3e-4 only, and a corner of the image to some tenths of a millimetre.
MAX_HEADER_CONFLICT_MM = 1.0


@dataclass(frozen=True)
class Volume:
    """An image and where it lies.

    Attributes
    ----------
    data : (X, Y, Z) array
        Voxel values; (X, Y, Z, P) for the parts of a dose until ``total_dose`` adds them.
    affine : (4, 4) float array
        Voxel indices to RAS+ millimetres.
    """

    data: NDArray
    affine: NDArray

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along each array axis, in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    @property
    def centre_mm(self) -> NDArray:
        """Middle of the field of view; (3,) array, RAS mm."""
        return centre_mm(self.data.shape, self.affine)


def centre_mm(shape: Sequence[int], affine: NDArray) -> NDArray:
    """Return the middle of the field of view of a grid; (3,) array, RAS mm."""
    return affine[:3, :3] @ ((np.asarray(shape[:3]) - 1) / 2) + affine[:3, 3]


def load(path: str | Path, *, parts: bool = False) -> Volume:
    """Read a NIfTI file, checked.

    Integers stay integers where the header has no slope; everything else becomes float32.
    ``parts`` lets (X, Y, Z, P) through: several doses on one grid.

    Raises
    ------
    ValueError
        Not a readable NIfTI file, not three-dimensional, an affine or values that are not finite,
        or two affines (qform, sform) that contradict each other.
    """
    try:
        image, data = _read(Path(path))
    except Exception as error:
        raise ValueError(f"not a readable NIfTI file ({type(error).__name__})") from error
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3 and not (parts and data.ndim == 4):
        raise ValueError(f"{data.ndim} dimensions {data.shape}, expected one 3D volume")
    affine = checked_affine(image)
    if data.dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {data.dtype}, expected one real number each")
    if data.dtype.kind == "f":
        data = data.astype(np.float32)
        if not np.isfinite(data).all():
            raise ValueError(f"{int((~np.isfinite(data)).sum())} voxels are NaN or infinite")
    return Volume(data, affine)


def _read(path: Path) -> tuple[nib.Nifti1Pair, NDArray]:
    """Return the header and voxels.

    Of a compressed file no more is unpacked than the header announces.
    """
    if path.suffix != ".gz":
        image = nib.load(path)
        if not isinstance(image, nib.Nifti1Pair):
            raise ValueError("another format")
        return image, np.asanyarray(image.dataobj)
    with igzip.open(path, "rb") as file:
        first = file.read(nib.Nifti2Image.header_class.sizeof_hdr)
        file.seek(0)
        kind = next(
            k
            for k in (nib.Nifti1Image, nib.Nifti2Image)
            if k.header_class.may_contain_header(first)
        )
        image = kind.from_stream(file)
        return image, np.asanyarray(image.dataobj)


def checked_affine(image: nib.Nifti1Pair) -> NDArray:
    """Return the affine of a NIfTI image, refused where the header leaves it in doubt.

    Raises
    ------
    ValueError
        No spatial code set, values not finite, a singular or sheared matrix, or qform and sform
        disagree.
    """
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ValueError("the affine is singular or not finite")
    header = image.header
    qform, qcode = header.get_qform(coded=True)
    sform, scode = header.get_sform(coded=True)
    if qcode == 0 and scode == 0:
        raise ValueError("qform and sform codes are both 0: the orientation is unknown")
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(cosines.T @ cosines, np.eye(3), atol=5e-3):
        raise ValueError("the axes are not at right angles (sheared affine, gantry tilt)")
    if qcode and scode:
        corners = np.array(list(product(*((0, n - 1) for n in image.shape[:3]))))
        apart = np.abs((corners @ (qform - sform)[:3, :3].T) + (qform - sform)[:3, 3]).max()
        if not apart <= MAX_HEADER_CONFLICT_MM:
            raise ValueError(
                f"qform and sform disagree about where the image lies, by up to {apart:.2f} mm; "
                f"repair the header"
            )
    return affine


def as_stored(volume: Volume) -> Volume:
    """Return the volume as it will be read again.

    Float32 for any other float, affine in float32.
    """
    data = volume.data
    data = data.astype("<f4", copy=False) if data.dtype.kind == "f" else data
    return Volume(data, volume.affine.astype("<f4"))


def save(path: str | Path, volume: Volume) -> None:
    """Write a compressed NIfTI file whose bytes depend on nothing but the volume."""
    image = nib.Nifti1Image(volume.data, volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    Path(path).write_bytes(igzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def same_space(a: Volume, b: Volume) -> bool:
    """Return whether two volumes share grid and position."""
    return a.data.shape == b.data.shape and np.allclose(
        a.affine, b.affine, atol=AFFINE_TOLERANCE_MM
    )


def require_same_space(a: Volume, b: Volume, what: str) -> None:
    """Raise ``ValueError`` unless two volumes share grid and position."""
    if not same_space(a, b):
        raise ValueError(
            f"{what} lie on different grids: {a.data.shape} at {a.affine[:3, 3].round(2)} mm and "
            f"{b.data.shape} at {b.affine[:3, 3].round(2)} mm"
        )


def to_itk(volume: Volume) -> sitk.Image:
    """Return the volume as an ITK image (LPS, same voxels)."""
    data = volume.data if volume.data.dtype == np.uint8 else volume.data.astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    lps = LPS_FROM_RAS @ volume.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    # the nearest rotation: ITK inverts the directions and amplifies what single precision lost
    left, _, right = np.linalg.svd(lps[:3, :3] / spacing)
    image.SetDirection((left @ right).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def from_itk(image: sitk.Image) -> Volume:
    """Return the ITK image as a volume (RAS+)."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image).T, LPS_FROM_RAS @ lps)
