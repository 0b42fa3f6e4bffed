"""Masks of the voxels of real series, in the order that another program has brought them to."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_phantoms import FEW_SLICES, needs
from ricenet.image import converted_image
from ricenet.image.volume import Volume
from ricenet.ingest import ingest_mri
from ricenet.outlines.grids import on_grid

CONVERTED = [name for name in FEW_SLICES if "enhanced" not in name]


@pytest.mark.parametrize("name", CONVERTED)
def test_a_mask_drawn_on_the_converted_image_lies_on_the_series(name: str) -> None:
    folder = needs(name)
    image = ingest_mri.read(folder, min_slices=2)[0]
    other = converted_image.load(folder.with_name(f"{folder.name}.dicom2nifti.nii.gz"))
    limit = float(np.median(image.data))
    mask = Volume((other.data > limit).astype(np.uint8), other.affine)
    np.testing.assert_array_equal(on_grid(mask, image), image.data > limit)
