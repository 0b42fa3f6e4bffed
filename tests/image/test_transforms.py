"""transforms: against products of matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from grids import mapped, rigid
from ricenet.image import transforms

A_TO_B = rigid((10, 20, -30), (5, -7, 11))
B_TO_C = rigid((-40, 15, 5), (-20, 3, 2)) @ np.diag([1.1, 0.9, 1.0, 1])
POINTS = np.random.default_rng(2).uniform(-80, 80, (10, 3))


def test_matrix_there_and_back() -> None:
    transform = transforms.from_matrix_ras(B_TO_C)
    np.testing.assert_allclose(transforms.matrix_ras(transform), B_TO_C, atol=1e-12)
    np.testing.assert_allclose(
        mapped(transform, POINTS), POINTS @ B_TO_C[:3, :3].T + B_TO_C[:3, 3], atol=1e-9
    )


def test_chain_maps_points_of_the_last_image_to_the_first() -> None:
    """a_to-b holds points b -> a, b_to-c points c -> b: together c -> a is the product."""
    chain = transforms.chain([transforms.from_matrix_ras(m) for m in (A_TO_B, B_TO_C)])
    product = A_TO_B @ B_TO_C
    assert np.abs(product - B_TO_C @ A_TO_B).max() > 1
    np.testing.assert_allclose(
        mapped(chain, POINTS), POINTS @ product[:3, :3].T + product[:3, 3], atol=1e-9
    )
    np.testing.assert_allclose(transforms.matrix_ras(chain), product, atol=1e-9)


def test_chain_of_chains_and_of_nothing(tmp_path: Path) -> None:
    """A file may hold several transforms, as those of SyN do."""
    parts = [transforms.from_matrix_ras(m) for m in (A_TO_B, B_TO_C)]
    sitk.WriteTransform(transforms.chain(parts), str(tmp_path / "two.h5"))
    last = rigid((1, 2, 3), (4, 5, 6))
    read = transforms.read(tmp_path / "two.h5")
    chain = transforms.chain([read, transforms.from_matrix_ras(last)])
    np.testing.assert_allclose(transforms.matrix_ras(chain), A_TO_B @ B_TO_C @ last, atol=1e-9)
    np.testing.assert_array_equal(mapped(transforms.chain([]), POINTS), POINTS)


@pytest.mark.parametrize("suffix", ["tfm", "h5"])
def test_file_there_and_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a_to-b.{suffix}"
    sitk.WriteTransform(transforms.from_matrix_ras(A_TO_B), str(path))
    np.testing.assert_allclose(transforms.matrix_ras(transforms.read(path)), A_TO_B, atol=1e-9)


@pytest.mark.parametrize("content", [None, b"", b"not a transform"])
def test_unreadable_file_is_named_without_its_folder(content, tmp_path: Path) -> None:
    path = tmp_path / "a_to-b.tfm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^a_to-b.tfm: not a readable ITK transform$"):
        transforms.read(path)
