"""Converted files: NIfTI, MetaImage, NRRD; sound and damaged."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from ricenet import ingest_mri
from ricenet.volume import Volume, save, to_itk


def read(path: Path):
    return ingest_mri.read(path, min_slices=3)


def volume_of_numbers() -> Volume:
    affine = np.array([[-1.0, 0, 0, 5], [0, 2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    return Volume(np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6), affine)


def test_nifti_mha_nrrd(tmp_path: Path) -> None:
    expected = volume_of_numbers()
    save(tmp_path / "a.nii.gz", expected)
    for name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(to_itk(expected), str(tmp_path / name))
    for path in tmp_path.iterdir():
        volume, facts = read(path)
        np.testing.assert_array_equal(volume.data, expected.data)
        np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-6)
        assert facts["frame"] is None and facts["source"] == "nifti"


def test_bad_nifti_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "CANARY.nii.gz"
    for data, message in [
        (np.zeros((4, 4, 4), np.float32), "every voxel"),
        (np.full((4, 4, 4), np.nan, np.float32), "NaN"),
        (np.ones((4, 4, 4, 2), np.float32), "4 dimensions"),
        (np.arange(32, dtype=np.float32).reshape(4, 4, 2), "2 slices"),
        (np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "plain numbers"),
    ]:
        nib.save(nib.Nifti1Image(data, np.eye(4)), path)
        with pytest.raises(ValueError, match=message):
            read(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="not a readable NIfTI"):
        read(path)
    (tmp_path / "b.mha").write_bytes(b"NDims = 3")
    with pytest.raises(ValueError, match="not a readable MetaImage"):
        read(tmp_path / "b.mha")
