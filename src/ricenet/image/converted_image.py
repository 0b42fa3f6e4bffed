"""Raw images that somebody has already converted: NIfTI, MetaImage, NRRD.

Volumes are ``(X, Y, Z)`` with an affine to RAS+ mm. A file that leaves left and right in doubt is
refused: programs fill the gap with a guess, and each with its own.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ricenet.image import size_claims, volume
from ricenet.image.volume import Volume

PAIR = (".img", ".hdr")
NIFTI = (".nii", ".nii.gz", *PAIR)
ITK = (".mha", ".nrrd")
MAX_VOXELS = 2**29  # 512 x 512 x 2048: beyond it a header is damaged or hostile
HEADER_BYTES = 65536  # more than any MetaImage or NRRD header of a single image has
# What defines how the axes lie: one of these lines
MHA_ORIENTATION = rb"^(TransformMatrix|Orientation|Rotation) *="
NRRD_ORIENTATION = rb"^space: *(right|left|[rl][ap][si]|scanner-xyz)"
# What takes the voxels from another file, which nobody named and whose digest nobody would take
MHA_ELSEWHERE = rb"^ElementDataFile *=(?! *LOCAL\s*$)"
NRRD_ELSEWHERE = rb"^data ?file:"
NRRD_UNITS = rb"^space units:(?!(\s*\"(mm|millimet(er|re)s?)?\")*\s*$)"
# Millimetres in one unit of length, by its code (NIfTI-1, field xyzt_units); 0 says nothing
MM_OF_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
UNIT_NAMES = {0: "nothing", 1: "metres", 2: "mm", 3: "micrometres"}
VOXEL_MM = (0.05, 30.0)  # edges of voxels that an image of a head can have


def is_converted(path: Path) -> bool:
    """Return whether a path is a file of one of the formats of this module, by its name."""
    return path.is_file() and path.name.lower().endswith((*NIFTI, *ITK))


def load(path: Path) -> Volume:
    """Read a converted image.

    Returns
    -------
    Volume
        float32, RAS+.

    Raises
    ------
    ValueError
        Not readable, of absurd size, not one 3D volume of numbers, no certain orientation, or
        values that are not finite.
    """
    name = path.name.lower()
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite: refused
        image = _load_nifti(path) if name.endswith(NIFTI) else _load_itk(path)
        data = image.data.astype(np.float32)
    if not np.isfinite(data).all():
        raise ValueError(
            f"{int((~np.isfinite(data)).sum())} voxels are NaN or infinite; convert the original "
            f"series again"
        )
    return Volume(data, image.affine)


def _load_nifti(path: Path) -> Volume:
    try:
        image = nib.load(path)
    except HeaderDataError:
        raise ValueError(
            "not a readable NIfTI file: its header contradicts itself (vox_offset, datatype or "
            "dim); convert the original series again"
        ) from None
    except Exception as error:  # nibabel's messages quote the path
        pair = path.suffix.lower() in PAIR
        both = "; of a pair, both .img and .hdr must lie side by side" if pair else ""
        raise ValueError(f"not a readable NIfTI file ({type(error).__name__}){both}") from None
    if not isinstance(image, nib.Nifti1Pair):
        raise ValueError(
            "not a readable NIfTI file: it is Analyze or another older format, which does not say "
            "which side is left; convert the original DICOM series again"
        )
    _check_size(image.shape)
    _require_one_volume(image.shape)
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {dtype} are not plain numbers; give a grey-scale image")
    voxels = Path(image.file_map["image"].filename or path)  # of a pair the .img file
    claimed, packed = prod(image.shape) * dtype.itemsize, voxels.suffix.lower() == ".gz"
    size_claims.require_credible(claimed, voxels, compressed=packed)
    mm = _mm_of_unit(image.header)
    plain = mm == 1 and len(image.shape) <= 4
    found = volume.load(path) if plain else _rescaled_nifti(image, mm)
    begin = int(getattr(image.dataobj, "offset", 0))
    # asked last: a file that was cut short has no true end
    size_claims.require_nothing_beyond(begin + claimed, voxels, compressed=packed)
    _require_voxels_of_a_head(found, UNIT_NAMES[int(image.header["xyzt_units"]) % 8])
    return found


def _require_one_volume(shape: tuple[int, ...]) -> None:
    """Refuse what is no single volume, by what its dimensions say (NIfTI-1, field dim)."""
    further = shape[3:]
    if len(shape) >= 3 and prod(further) == 1:
        return
    what = "expected one 3D volume"
    if len(shape) == 4 and shape[2] == 1:
        what = "one plane and many of something: slices in the wrong dimension, or a time series"
    elif len(shape) == 4:
        what = f"{further[0]} volumes: a time series, diffusion or several echoes"
    elif len(shape) > 4:
        what = f"{prod(further)} values a voxel: a vector, a deformation or several channels"
    raise ValueError(f"{len(shape)} dimensions {shape}, {what}; give one 3D volume")


def _mm_of_unit(header: nib.Nifti1Header) -> float:
    code = int(header["xyzt_units"]) % 8
    if code not in MM_OF_UNIT:
        raise ValueError(
            f"xyzt_units has the code {code}, which is no unit of length; set it to 2 (mm)"
        )
    return MM_OF_UNIT[code]


def _rescaled_nifti(image: nib.Nifti1Pair, mm: float) -> Volume:
    """Return an image whose header counts in units of ``mm`` millimetres, or has further axes."""
    header = image.header.copy()
    for field in ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"):
        header[field] = header[field] * mm
    header["pixdim"][1:4] *= mm
    header["xyzt_units"] = 2
    try:
        data = np.asanyarray(image.dataobj).reshape(image.shape[:3])
    except Exception as error:  # truncated; nibabel's messages quote the path
        raise ValueError(f"not a readable NIfTI file ({type(error).__name__})") from None
    header.set_data_shape(data.shape)
    in_mm = nib.Nifti1Image(data, header.get_best_affine(), header)
    return Volume(data, volume.checked_affine(in_mm))


def _require_voxels_of_a_head(found: Volume, unit: str) -> None:
    """Refuse voxels that are too small or too large: the unit is another one than the header's."""
    edges = found.spacing_mm
    if min(edges) < VOXEL_MM[0] or max(edges) > VOXEL_MM[1]:
        shown = " x ".join(f"{edge:.4g}" for edge in edges)
        raise ValueError(
            f"voxels of {shown} mm cannot be of a head (the header's unit is {unit}): correct its "
            f"unit of length (NIfTI: xyzt_units, 1 metre, 2 mm, 3 micrometre), or convert again"
        )


def _load_itk(path: Path) -> Volume:
    _check_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        _check_size(size)
        size_claims.require_credible(prod(size), path)
        if len(size) > 3 and prod(size[3:]) > 1:
            _require_one_volume(size)
        if (len(size), *size[3:]) not in ((3,), (4, 1)) or reader.GetNumberOfComponents() != 1:
            raise ValueError(
                f"{reader.GetDimension()} dimensions {size} and {reader.GetNumberOfComponents()} "
                f"values a voxel, expected one 3D volume of numbers"
            )
        image = reader.Execute()
    except RuntimeError:  # ITK's messages quote the path
        raise ValueError("not a readable MetaImage or NRRD file, or truncated") from None
    found = volume.from_itk(image[:, :, :, 0] if len(size) == 4 else image)
    _require_right_angles(found.affine)
    _require_voxels_of_a_head(found, "mm")
    return found


def _check_header(path: Path) -> None:
    """Refuse a header that does not define the axes, or takes its voxels from elsewhere."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    nrrd = path.name.lower().endswith(".nrrd")
    end = re.search(rb"\r?\n\r?\n" if nrrd else rb"^ElementDataFile.*\n?", header, re.M)
    if end is None:
        raise ValueError("not a readable MetaImage or NRRD file: its header is not terminated")
    text, flags = header[: end.end()], re.M | re.I
    if re.search(NRRD_ELSEWHERE if nrrd else MHA_ELSEWHERE, text, flags):
        raise ValueError("its voxels lie in another file; save header and voxels as one file")
    if not re.search(NRRD_ORIENTATION if nrrd else MHA_ORIENTATION, text, flags):
        raise ValueError(
            "the header does not say how the axes lie (TransformMatrix in MetaImage, space in "
            "NRRD): left and right are unknown; convert the original DICOM series again"
        )
    if nrrd and re.search(NRRD_UNITS, text, flags):
        raise ValueError("its space units are not all mm; convert the original series again")


def _require_right_angles(affine: NDArray) -> None:
    """Refuse axes that are not finite or sheared; ITK takes them as they are."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or lengths.min() < 1e-6:
        raise ValueError("the affine is singular or not finite; convert the original series again")
    cosines = affine[:3, :3] / lengths
    if not np.allclose(cosines.T @ cosines, np.eye(3), atol=5e-3):
        raise ValueError(
            "the axes are not at right angles (sheared, gantry tilt); convert the original series "
            "again"
        )


def _check_size(size: tuple[int, ...]) -> None:
    if prod(size) > MAX_VOXELS:
        raise ValueError(f"its size {size} is implausible; the header is damaged")
