"""Order of a volume's axes."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from ricenet.image.volume import Volume


def to_ras(volume: Volume) -> Volume:
    """Reorder and flip the axes to run closest to right, anterior, superior; same voxels."""
    orientation = nib.io_orientation(volume.affine)
    data = nib.apply_orientation(volume.data, orientation)
    to_original = nib.orientations.inv_ornt_aff(orientation, volume.data.shape)
    return Volume(np.ascontiguousarray(data), volume.affine @ to_original)
