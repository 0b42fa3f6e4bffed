"""pixel_values: bits beside the value, overlays and padding, whatever the codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless

from dicom_phantoms import embed_overlay, put_pixels, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.pixel_values import Layout, background, split
from ricenet.dicom.planes import pixels
from ricenet.ingest import ingest_mri

SHAPE = (40, 36)  # JPEG 2000 divides each side by two five times
CODECS = [None, RLELossless, JPEG2000Lossless]


def tissue(k: int) -> np.ndarray:
    """Values of 12 bits in a disc, noise near 0 around it."""
    y, x = np.indices(SHAPE)
    rng = np.random.default_rng(k)
    disc = np.hypot(y - 20, x - 18) < 14
    return np.where(disc, 900 + 20 * k + rng.integers(0, 900, SHAPE), rng.integers(1, 9, SHAPE))


CORNERS = np.hypot(*(np.indices(SHAPE) - np.array([20, 18])[:, None, None])) > 18


def series(folder: Path, change, *, codec=None, dtype="u2", count: int = 5) -> Path:
    """Series of 12 bit images; ``change`` gets a slice and its pixels, and returns them."""
    planes = []
    for k in range(count):
        data = slice_of(k, shape=SHAPE)
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        put_pixels(data, tissue(k).astype(dtype))
        data.BitsStored, data.HighBit = 12, 11
        stored = np.ascontiguousarray(change(data, tissue(k).astype(dtype)).astype(dtype))
        if codec is None:
            data.PixelData = stored.tobytes()
        else:  # the archive codes all bits that were allocated
            kept = data.BitsStored, data.HighBit
            data.BitsStored, data.HighBit = 16, 15
            data.compress(codec, stored, generate_instance_uid=False)
            data.BitsStored, data.HighBit = kept
        planes.append(data)
    return write(folder, *planes)


def plain(folder: Path, **options) -> np.ndarray:
    return ingest_mri.read(series(folder, lambda _, a: a, **options), min_slices=3)[0].data


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("bit", [12, 15])
def test_declared_overlays_are_masked(bit: int, codec, tmp_path: Path) -> None:
    def overlay(data, stored):
        embed_overlay(data, bit)
        stored[5:15, 5:15] |= 1 << bit
        return stored

    volume, _ = ingest_mri.read(series(tmp_path / "o", overlay, codec=codec), min_slices=3)
    np.testing.assert_array_equal(volume.data, plain(tmp_path / "p"))


@pytest.mark.parametrize("codec", CODECS)
def test_bits_that_nothing_declares_are_refused(codec, tmp_path: Path) -> None:
    """An overlay whose group was removed, or more bits of value than the header says."""

    def stray(data, stored):
        stored[5:15, 5:15] |= 1 << 12
        return stored

    with pytest.raises(ValueError, match=r"100 pixels have bits set beside the 12") as caught:
        ingest_mri.read(series(tmp_path, stray, codec=codec), min_slices=3)
    assert "export it again" in str(caught.value) and len(str(caught.value)) < 400


def test_an_overlay_with_data_of_its_own_is_no_bit_of_the_pixels(tmp_path: Path) -> None:
    def separate(data, stored):
        embed_overlay(data, 0)
        data.add_new((0x6000, 0x3000), "OW", bytes(SHAPE[0] * SHAPE[1] // 8))
        return stored

    volume, _ = ingest_mri.read(series(tmp_path / "s", separate), min_slices=3)
    np.testing.assert_array_equal(volume.data, plain(tmp_path / "p"))


def test_an_overlay_among_the_bits_of_the_value_is_refused(tmp_path: Path) -> None:
    def within(data, stored):
        embed_overlay(data, 11)
        return stored

    with pytest.raises(ValueError, match="an overlay into bit 11, which belongs to the values"):
        ingest_mri.read(series(tmp_path, within), min_slices=3)


def test_signs_are_no_stray_bits_stored_either_way(tmp_path: Path) -> None:
    """Signed 12 bit values with and without the sign in the upper bits (PS3.5 section 8.1.1)."""
    values = np.arange(-700, 740).reshape(SHAPE).astype("i2")
    for mask in (0xFFFF, 0x0FFF):
        data = slice_of(0, shape=SHAPE)
        put_pixels(data, values)
        data.BitsStored, data.HighBit = 12, 11
        data.PixelData = (values.view("u2") & np.uint16(mask)).tobytes()
        (file,), _ = files.find(write(tmp_path / str(mask), data))
        np.testing.assert_array_equal(pixels(file)[0], values)


def test_values_in_the_upper_bits_as_acr_nema_stored_them() -> None:
    values = np.arange(40).reshape(1, 5, 8).astype("u2") * 100
    found, padding = split(values << 4, Layout(16, 12, 15, False), None, "file")
    np.testing.assert_array_equal(found, values)
    assert padding is None
    found, _ = split(values + 1, Layout(16, 12, 15, False), None, "file")  # HighBit is wrong
    np.testing.assert_array_equal(found, values + 1)
    with pytest.raises(ValueError, match="bits set beside"):
        split(values * 10 + 1, Layout(16, 12, 15, False), None, "file")


# --- padding -------------------------------------------------------------------------------------


def padded(value: int, vr: str, stored_as: int, **elements):
    def change(data, stored):
        data.add_new(0x00280120, vr, value)
        for keyword, (of, number) in elements.items():
            data.add_new({"limit": 0x00280121}[keyword], of, number)
        if stored.dtype.kind == "i":
            data.BitsStored, data.HighBit = 16, 15
        stored[CORNERS] = stored_as
        return stored

    return change


@pytest.mark.parametrize(
    ("dtype", "change"),
    [
        ("i2", padded(-32768, "SS", -32768)),
        ("i2", padded(63536, "US", -2000)),  # GE writes -2000 as unsigned
        ("u2", padded(4095, "US", 4095)),
        ("u2", padded(63536, "US", 63536)),  # beyond the 12 bits stored
        ("u2", padded(4000, "US", 4050, limit=("US", 4095))),
        ("u2", padded(4095, "US", 4050, limit=("US", 4000))),  # the limit may be the lower end
        ("i2", padded(-1100, "SS", -1050, limit=("SS", -1000))),
        ("u2", padded(0, "US", 0)),
    ],
)
def test_declared_padding_is_background(dtype: str, change, tmp_path: Path) -> None:
    volume, facts = ingest_mri.read(series(tmp_path / "s", change, dtype=dtype), min_slices=3)
    expected = plain(tmp_path / "p").copy()
    expected[CORNERS.T] = 0
    np.testing.assert_array_equal(volume.data, expected)
    assert facts["padding_voxels"] == 5 * CORNERS.sum()


@pytest.mark.parametrize("codec", CODECS[1:])
def test_padding_under_every_codec(codec, tmp_path: Path) -> None:
    change = padded(4095, "US", 4095)
    volume, _ = ingest_mri.read(series(tmp_path / "s", change, codec=codec), min_slices=3)
    expected = plain(tmp_path / "p").copy()
    expected[CORNERS.T] = 0
    np.testing.assert_array_equal(volume.data, expected)


def test_rescaling_comes_after_padding(tmp_path: Path) -> None:
    """Padding of 0 is -10 once rescaled, which would be the darkest tissue."""

    def change(data, stored):
        data.RescaleSlope, data.RescaleIntercept = 0.5, -10
        return padded(0, "US", 0)(data, stored)

    volume, _ = ingest_mri.read(series(tmp_path / "s", change), min_slices=3)
    assert (volume.data[CORNERS.T] == 0).all()
    inside = ~CORNERS.T
    np.testing.assert_allclose(volume.data[inside], plain(tmp_path / "p")[inside] * 0.5 - 10)


def test_ct_padding_is_air(tmp_path: Path) -> None:
    def change(data, stored):
        data.Modality, data.RescaleIntercept = "CT", -1024
        return padded(-2000, "SS", -2000)(data, stored)

    volume, _ = ingest_mri.read(series(tmp_path / "s", change, dtype="i2"), min_slices=3)
    assert (volume.data[CORNERS.T] == -1024).all() and volume.data.min() == -1024
    assert background("CT", -1000.0) == -1000 and background("CT", -3024.0) == -1024


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (padded(1200, "US", 0), "padding and image contradict each other"),
        (padded(0, "US", 5, limit=("US", 4095)), "every pixel to be padding"),
    ],
)
def test_padding_that_contradicts_the_image_is_refused(change, said, tmp_path: Path) -> None:
    def with_1200(data, stored):
        stored = change(data, stored)
        stored[10:14, 10:14] = 1200
        return stored

    with pytest.raises(ValueError, match=said):
        ingest_mri.read(series(tmp_path, with_1200), min_slices=3)


def test_a_limit_without_a_value_is_refused(tmp_path: Path) -> None:
    def change(data, stored):
        data.add_new(0x00280121, "US", 10)
        return stored

    with pytest.raises(ValueError, match="PixelPaddingRangeLimit without PixelPaddingValue"):
        ingest_mri.read(series(tmp_path, change), min_slices=3)


def test_bits_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    def change(data, stored):
        data.HighBit = 16
        return stored

    with pytest.raises(ValueError, match="do not fit BitsAllocated 16"):
        ingest_mri.read(series(tmp_path, change), min_slices=3)
