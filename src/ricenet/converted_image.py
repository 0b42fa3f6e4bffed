"""Raw images that somebody has already converted: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

from math import prod
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from ricenet import volume
from ricenet.volume import Volume

NIFTI = (".nii", ".nii.gz")
ITK = (".mha", ".nrrd")
MAX_VOXELS = 2**29  # 512 x 512 x 2048: beyond it a header is damaged or hostile


def is_converted(path: Path) -> bool:
    """Whether a path is a file of one of the formats of this module, by its name."""
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
    image = _load_nifti(path) if name.endswith(NIFTI) else _load_itk(path)
    data = image.data.astype(np.float32)
    if not np.isfinite(data).all():
        raise ValueError(f"{int((~np.isfinite(data)).sum())} voxels are NaN or infinite")
    return Volume(data, image.affine)


def _load_nifti(path: Path) -> Volume:
    try:
        header = nib.Nifti1Image.from_filename(path).header
        size, dtype = header.get_data_shape(), header.get_data_dtype()
    except Exception as error:  # nibabel's messages quote the path
        raise ValueError(f"not a readable NIfTI file ({type(error).__name__})") from None
    _check_size(size)
    if dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {dtype} are not plain numbers; give a grey-scale image")
    return volume.load(path)


def _load_itk(path: Path) -> Volume:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        _check_size(reader.GetSize())
        if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
            raise ValueError(
                f"{reader.GetDimension()} dimensions and {reader.GetNumberOfComponents()} values "
                f"a voxel, expected one 3D volume of numbers"
            )
        return volume.from_itk(reader.Execute())
    except RuntimeError:  # ITK's messages quote the path
        raise ValueError("not a readable MetaImage or NRRD file, or truncated") from None


def _check_size(size: tuple[int, ...]) -> None:
    if prod(size) > MAX_VOXELS:
        raise ValueError(f"its size {size} is not believable; the header is damaged")
