"""Images that were converted already: against nibabel, SimpleITK and headers written by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import center_of_mass

from ricenet.image import converted_image
from ricenet.image.volume import LPS_FROM_RAS, Volume, save, to_itk
from ricenet.ingest import ingest_mri

SHAPE = (7, 6, 5)
STORED = np.random.default_rng(5).integers(0, 100, SHAPE)  # fits every type of number
TYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def read(path: Path):
    return ingest_mri.read(path, min_slices=3)


def oblique(spacing=(0.8, 1.1, 2.5)) -> np.ndarray:
    """Turned about two axes, left-right and front-back reversed."""
    a, b = np.radians([20, -35])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z @ np.diag([-1, -1, 1]) @ np.diag(spacing)
    affine[:3, 3] = 31.5, 22.25, -17.75
    return affine


def assert_read_right(path: Path, expected: np.ndarray, affine=None) -> None:
    volume, facts = read(path)
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.data, expected, rtol=1e-6)
    np.testing.assert_allclose(volume.affine, oblique() if affine is None else affine, atol=1e-4)
    assert facts["frame"] is None and facts["source"] == "nifti"


def nifti(data, affine=None, kind=nib.Nifti1Image, **header):
    """NIfTI image with both codes set; ``header`` overrides fields."""
    image = kind(data, oblique() if affine is None else affine)
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    for name, value in header.items():
        image.header[name] = value
    return image


# --- read right ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_types_and_byte_orders(dtype: str, order: str, tmp_path: Path) -> None:
    """Files put together by hand: header, voxels with x fastest (NIfTI-1 standard)."""
    data = STORED.astype(np.dtype(dtype).newbyteorder(order))
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(data.dtype)
    header.set_data_shape(SHAPE)
    header.set_sform(oblique(), code=1)
    header["magic"], header["vox_offset"] = b"ni1", 0
    (tmp_path / "a.hdr").write_bytes(header.binaryblock)
    (tmp_path / "a.img").write_bytes(data.tobytes(order="F"))
    header["magic"], header["vox_offset"] = b"n+1", 352
    single = header.binaryblock + bytes(4) + data.tobytes(order="F")
    (tmp_path / "a.nii").write_bytes(single)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(single))
    for path in sorted(tmp_path.iterdir()):
        assert nib.load(path).header.endianness == order
        assert_read_right(path, STORED)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.hdr"])
def test_slope_and_intercept(name: str, tmp_path: Path) -> None:
    """Of every kind of file, against the values that were stored."""
    pair = name in ("a.img", "a.hdr")
    image = nifti(STORED.astype("i2"), kind=nib.Nifti1Pair if pair else nib.Nifti1Image)
    image.header.set_slope_inter(0.25, -7)
    nib.save(image, tmp_path / ("a.img" if pair else name))
    raw = (tmp_path / ("a.img" if pair else name)).read_bytes()
    raw = gzip.decompress(raw) if name.endswith("gz") else raw
    stored = np.frombuffer(raw[-STORED.size * 2 :], "<i2").reshape(SHAPE, order="F")
    assert_read_right(tmp_path / name, stored * 0.25 - 7)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_types_of_metaimage_and_nrrd(name: str, dtype: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(STORED.astype(dtype).T)
    image.CopyInformation(to_itk(Volume(STORED, oblique())))
    for compressed in (False, True):
        sitk.WriteImage(image, str(tmp_path / name), compressed)
        assert_read_right(tmp_path / name, STORED)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.img", "a.mha"])
def test_fourth_axis_of_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "a.mha":
        three = to_itk(Volume(STORED, oblique()))
        four = sitk.JoinSeries([three])
        sitk.WriteImage(four, str(path))
    else:
        kind = nib.Nifti1Pair if name == "a.img" else nib.Nifti1Image
        nib.save(nifti(STORED.astype("f4")[..., None], kind=kind), path)
    assert_read_right(path, STORED)


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (2, 1), (4, 4)])
def test_one_affine_or_two_that_agree(codes, tmp_path: Path) -> None:
    image = nib.Nifti1Image(STORED.astype("f4"), oblique())
    image.set_qform(oblique(), code=codes[0])
    image.set_sform(oblique() if codes[1] else None, code=codes[1])
    nib.save(image, tmp_path / "a.nii.gz")
    assert_read_right(tmp_path / "a.nii.gz", STORED)


def ball(affine: np.ndarray, centre_ras, shape=(30, 28, 16)) -> np.ndarray:
    """Soft ball around a place in space, drawn voxel by voxel from the affine."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    return np.exp(-((places - centre_ras) ** 2).sum(-1) / (2 * 4.0**2)).astype(np.float32)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.mha", "a.nrrd"])
def test_ball_lies_where_it_was_put(name: str, tmp_path: Path) -> None:
    """Oblique, each format by a writer that is not ours: error under half a voxel."""
    affine, path = oblique(), tmp_path / name
    centre = (affine @ [14.3, 14.8, 8.2, 1])[:3]
    data = ball(affine, centre)
    if name in ("a.mha", "a.nrrd"):
        image, lps = sitk.GetImageFromArray(data.T), LPS_FROM_RAS @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        sitk.WriteImage(image, str(path))
    else:
        nib.save(nifti(data, kind=nib.Nifti1Pair if name == "a.img" else nib.Nifti1Image), path)
    volume, _ = read(path)
    found = (volume.affine @ [*center_of_mass(volume.data), 1])[:3]
    assert np.linalg.norm(found - centre) < min(volume.spacing_mm) / 2


def nrrd(space: str, directions: str, extra: str = "") -> bytes:
    """NRRD written by hand, detached from ITK's idea of it; 3 x 4 x 5 shorts."""
    head = f"NRRD0004\ntype: short\ndimension: 3\n{space}sizes: 3 4 5\n{directions}"
    head += f"endian: little\nencoding: raw\n{extra}\n"
    return head.encode() + np.arange(60, dtype="<i2").tobytes()


SPACE, ORIGIN = "space: right-anterior-superior\n", "space origin: (1,2,3)\n"
STRAIGHT = f"space directions: (0.9,0,0) (0,2,0) (0,0,3)\n{ORIGIN}"


def test_nrrd_in_ras_is_not_mirrored(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(nrrd(SPACE, STRAIGHT))
    affine = np.diag([0.9, 2, 3, 1.0])
    affine[:3, 3] = 1, 2, 3
    assert_read_right(tmp_path / "a.nrrd", np.arange(60).reshape((3, 4, 5), order="F"), affine)


def in_units(path: Path, code: int, factor: float, *, shape=SHAPE) -> Path:
    """File whose header counts in another unit of length, and may have further axes of one."""
    affine = oblique()
    affine[:3] /= factor
    image = nifti(STORED.astype("i2").reshape(shape), affine)
    image.header["xyzt_units"] = code
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img"])
@pytest.mark.parametrize(
    ("code", "factor"), [(0, 1), (2, 1), (1, 1000), (3, 0.001), (10, 1), (9, 1000)]
)
def test_units_of_length(code: int, factor: float, name: str, tmp_path: Path) -> None:
    """Nothing, mm, metre, micrometre; the last two with a unit of time besides."""
    if name == "a.img":
        image = nifti(STORED.astype("i2"), kind=nib.Nifti1Pair)
        affine = oblique()
        affine[:3] /= factor
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1)
        image.header["xyzt_units"] = code
        nib.save(image, tmp_path / name)
    else:
        in_units(tmp_path / name, code, factor)
    assert_read_right(tmp_path / name, STORED)


@pytest.mark.parametrize(
    ("code", "factor", "message"),
    [
        (1, 1, r"voxels of 800 x 1100 x 2500 mm cannot be .*unit is metres"),
        (3, 1, r"voxels of 0\.0008 x 0\.0011 x 0\.0025 mm cannot be .*unit is micrometres"),
        (0, 100, r"voxels of 0\.008 x 0\.011 x 0\.025 mm cannot be .*unit is nothing"),
        (5, 1, "xyzt_units has the code 5, which is no unit of length"),
    ],
)
def test_units_that_cannot_be_are_refused(code, factor, message, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read(in_units(tmp_path / "a.nii.gz", code, factor))


@pytest.mark.parametrize("further", [(1,), (1, 1), (1, 1, 1)])
def test_further_axes_of_one_are_no_axes(further, tmp_path: Path) -> None:
    assert_read_right(in_units(tmp_path / "a.nii.gz", 2, 1, shape=(*SHAPE, *further)), STORED)


# --- refused -------------------------------------------------------------------------------------

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def with_value(value: float) -> np.ndarray:
    data = STORED.astype("f8")
    data[1, 2, 3] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(SHAPE, np.float32), "every voxel has the value 0"),
        (np.full(SHAPE, 7, np.int16), "every voxel has the value 7"),
        (with_value(np.nan), "1 voxels are NaN or infinite"),
        (with_value(-np.inf), "1 voxels are NaN or infinite"),
        (with_value(1e300), "1 voxels are NaN or infinite"),
        (np.ones((*SHAPE, 2), np.float32), "4 dimensions .* 2 volumes: a time series, diffusion"),
        (np.ones((7, 6, 1, 5), np.float32), "4 dimensions .*slices in the wrong dimension"),
        (np.ones((*SHAPE, 1, 3), np.float32), "5 dimensions .* 3 values a voxel: a vector"),
        (np.ones(SHAPE[:2], np.float32), "2 dimensions"),
        (STORED[:, :, :2].astype("f4"), "2 slices, at least 3"),
        (np.zeros(SHAPE, RGB), "plain numbers"),
        (STORED.astype(np.complex64), "plain numbers"),
    ],
)
def test_useless_voxels_are_refused(data, message: str, tmp_path: Path) -> None:
    nib.save(nifti(data), tmp_path / "CANARY.nii.gz")
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path / "CANARY.nii.gz")
    assert "CANARY" not in str(caught.value)


MIRRORED = oblique() @ np.array(
    [[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
)


def unknown(image):
    image.header["qform_code"] = image.header["sform_code"] = 0


def mirrored(image):
    image.header.set_qform(MIRRORED, code=1)


def moved(image):
    image.header["qoffset_x"] += 5


def not_a_number(image):
    image.header["srow_x"][1] = np.nan


def sheared(image):
    image.header["qform_code"] = 0
    image.header["srow_x"][2] += 0.5


def flat(image):
    image.header["qform_code"] = 0
    image.header["srow_z"][:] = 0


@pytest.mark.parametrize("name", ["a.nii.gz", "a.img"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unknown, "codes are both 0"),
        (mirrored, "qform and sform disagree"),
        (moved, r"qform and sform disagree .* by up to 5\.00 mm"),
        (not_a_number, "singular or not finite"),
        (sheared, "not at right angles"),
        (flat, "singular or not finite"),
    ],
)
def test_doubtful_headers_are_refused(change, message: str, name: str, tmp_path: Path) -> None:
    """Fields of the header are overwritten in the file: nibabel would not write them so."""
    pair = name == "a.img"
    image = nifti(STORED.astype("f4"), kind=nib.Nifti1Pair if pair else nib.Nifti1Image)
    nib.save(image, tmp_path / name)
    change(image)
    path = tmp_path / ("a.hdr" if pair else name)
    raw = path.read_bytes() if pair else gzip.decompress(path.read_bytes())
    raw = image.header.binaryblock[:108] + raw[108:112] + image.header.binaryblock[112:] + raw[348:]
    path.write_bytes(raw if pair else gzip.compress(raw))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nrrd("", "spacings: 1 2 3\n"), "does not say how the axes lie"),
        (nrrd("space dimension: 3\n", STRAIGHT), "does not say how the axes lie"),
        (
            nrrd(SPACE, f"space directions: (0.9,0,0) (0.5,2,0) (0,0,3)\n{ORIGIN}"),
            "not at right angles",
        ),
        (nrrd(SPACE, STRAIGHT, "data file: other.raw\n"), "voxels lie in another file"),
        (nrrd(SPACE, STRAIGHT, 'space units: "m" "m" "m"\n'), "space units are not all mm"),
        (nrrd(SPACE, STRAIGHT)[:-10], "or truncated"),
        (nrrd(SPACE, STRAIGHT)[:100], "header is not terminated"),
    ],
)
def test_doubtful_nrrd_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "other.raw").write_bytes(bytes(120))
    (tmp_path / "a.nrrd").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.nrrd")


def metaimage(axes: str = "TransformMatrix = 1 0 0 0 1 0 0 0 1\n", where: str = "LOCAL") -> bytes:
    head = f"ObjectType = Image\nNDims = 3\n{axes}ElementSpacing = 1 2 3\nDimSize = 3 4 5\n"
    head += f"ElementType = MET_SHORT\nElementDataFile = {where}\n"
    return head.encode() + np.arange(60, dtype="<i2").tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (metaimage(axes=""), "does not say how the axes lie"),
        (metaimage(where="other.raw"), "voxels lie in another file"),
        (metaimage(where="LOCALother.raw"), "voxels lie in another file"),
        (metaimage()[:-10], "or truncated"),
        (metaimage("TransformMatrix = 1 0 0 0.4 1 0 0 0 1\n"), "not at right angles"),
        (metaimage("TransformMatrix = 1 0 0 0 1 0 0 0 0\n"), "not a readable|singular"),
        (b"NDims = 3", "not a readable MetaImage"),
        (b"", "not a readable MetaImage"),
    ],
)
def test_doubtful_metaimage_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "other.raw").write_bytes(bytes(120))
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.mha")


def test_metaimage_by_hand_is_read(tmp_path: Path) -> None:
    """So that the refusals above are not those of a file that nobody could read."""
    (tmp_path / "a.mha").write_bytes(metaimage())
    expected = np.arange(60).reshape((3, 4, 5), order="F")
    assert_read_right(tmp_path / "a.mha", expected, np.diag([-1.0, -2, 3, 1]))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.99])
def test_truncated_files_are_refused(name: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal((20, 20, 20), np.float32)
    path = tmp_path / name
    if name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(to_itk(Volume(noise, oblique())), str(path), True)
    elif name == "a.img":
        nib.save(nifti(noise, kind=nib.Nifti1Pair), path)
    else:
        nib.save(nifti(noise), path)
    read(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"not a readable (NIfTI|MetaImage)|truncated"):
        read(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("vox_offset", 352, "32 bytes beyond the image .* vox_offset or the dimensions are wrong"),
        ("dim", [3, 7, 6, 4, 1, 1, 1, 1], "84 bytes beyond the image"),
        ("vox_offset", 0, "its header contradicts itself"),
    ],
)
def test_headers_that_lead_elsewhere_are_refused(field, value, message, name, tmp_path) -> None:
    """A comment of 32 bytes lies before the voxels, or a plane more than the header says."""
    image = nifti(STORED.astype("i2"))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 24))
    nib.save(image, tmp_path / "right.nii")
    raw = (tmp_path / "right.nii").read_bytes()
    header = nib.Nifti1Header(raw[:348], check=False)
    assert header["vox_offset"] == 384 and len(raw) == 384 + 2 * STORED.size
    header[field] = value
    raw = header.binaryblock + raw[348:]
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name)
    assert_read_right(tmp_path / "right.nii", STORED)


def test_analyze_does_not_say_which_side_is_left(tmp_path: Path) -> None:
    for kind in (nib.AnalyzeImage, nib.Spm99AnalyzeImage):
        nib.save(kind(STORED.astype("i2"), np.diag([1.0, 2, 3, 1])), tmp_path / "a.img")
        with pytest.raises(ValueError, match="does not say which side is left"):
            read(tmp_path / "a.img")


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    nib.save(nifti(STORED.astype("f4"), kind=nib.Nifti1Pair), tmp_path / "a.img")
    (tmp_path / "a.hdr").unlink()
    with pytest.raises(ValueError, match=r"both \.img and \.hdr must lie side by side"):
        read(tmp_path / "a.img")


def test_absurd_size_is_refused_before_voxels_are_read(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz", Volume(STORED.astype("f4"), oblique()))
    raw = bytearray(gzip.decompress((tmp_path / "a.nii.gz").read_bytes()))
    raw[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(raw)))
    (tmp_path / "a.mha").write_bytes(metaimage().replace(b"3 4 5", b"30000 30000 30000"))
    for name in ("a.nii.gz", "a.mha"):
        with pytest.raises(ValueError, match=r"its size \(30000, 30000, 30000\) is implausible"):
            read(tmp_path / name)


def test_metaimage_of_values_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(to_itk(Volume(with_value(np.nan), oblique())), str(tmp_path / "a.mha"))
    with pytest.raises(ValueError, match="1 voxels are NaN or infinite"):
        converted_image.load(tmp_path / "a.mha")
