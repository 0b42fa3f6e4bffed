"""The second signal: brightness says nothing, form and texture follow the latent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy import ndimage
from scipy.stats import norm

from ricenet.phantom import shape_signal
from ricenet.phantom.canvas import Canvas, smooth_field
from ricenet.phantom.command import main
from ricenet.phantom.files import make_subject, read_truth
from ricenet.phantom.latents import Latents
from ricenet.phantom.pathology import Pathology

SPACING_MM, BLUR = 2.0, 0.75
SHARES = (0.05, 0.35, 0.65, 0.95)


@pytest.fixture(scope="module")
def textures():
    """Textures of four shares from one pair of fields, on the shell of a sphere."""
    axis = np.arange(-44, 45, SPACING_MM)
    radius = np.sqrt(sum(a**2 for a in np.meshgrid(axis, axis, axis, indexing="ij")))
    rim = (radius > 13) & (radius < 21)
    rng = np.random.default_rng(4)
    fields = [
        smooth_field(rng, shape=rim.shape, spacing_mm=SPACING_MM, sigma_mm=sigma, rms=3.0)
        for sigma in (shape_signal.COARSE_MM, shape_signal.FINE_MM)
    ]
    mixed = [shape_signal.mixture(*fields, rim, share=share, blur=BLUR) for share in SHARES]
    return rim, mixed


def test_all_textures_have_one_distribution_as_a_scanner_sees_them(textures):
    rim, mixed = textures
    levels = [0.01, 0.1, 0.5, 0.9, 0.99]
    for texture in mixed:
        seen = ndimage.gaussian_filter(texture, BLUR)[rim]
        assert abs(seen.mean()) < 0.03
        assert seen.std() == pytest.approx(1, abs=0.07)
        np.testing.assert_allclose(np.quantile(seen, levels), norm.ppf(levels), atol=0.25)


def test_roughness_rises_in_proportion_to_the_fine_share(textures):
    """The mean squared gradient of a mixture of uncorrelated fields is linear in its shares."""
    rim, mixed = textures
    roughness = [
        sum(slope[rim] ** 2 for slope in np.gradient(texture, SPACING_MM)).mean()
        for texture in mixed
    ]
    line = np.polynomial.Polynomial.fit(SHARES, roughness, 1)
    np.testing.assert_allclose(line(np.array(SHARES)), roughness, atol=0.04 * max(roughness))
    assert roughness[-1] > 3 * roughness[0]


def test_share_and_form_are_monotone_in_their_latents_and_never_cut_off():
    z = np.linspace(-3, 3, 13)
    found = [
        (shape_signal.fine_share(latents), shape_signal.axis_ratio(latents))
        for latents in (Latents(0, value, value, 0) for value in z)
    ]
    shares, ratios = np.array(found).T
    assert (np.diff(shares) < 0).all()
    assert (np.diff(ratios) > 0).all()
    np.testing.assert_allclose(np.log(ratios), 0.36 * z)
    assert shares[6] == pytest.approx(0.5)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.2])
def test_a_lesion_keeps_its_volume_and_has_the_ratio_of_axes(ratio):
    planning = Canvas(2.0)
    pathology = Pathology(
        cavity_centre_mm=np.zeros(3), cavity_radius_mm=12.0, margin_mm=10.0,
        lesion_centre_mm=np.array([11.0, -7.0, 5.0]), lesion_radius_mm=12.0, residual_mm=4.0,
        core=0.3, collapse_mm=1.0,
    )  # fmt: skip
    axis = np.array([2.0, -1.0, 2.0]) / 3
    inside = shape_signal.ellipsoid_mm(planning, pathology, axis, ratio) < 0
    volume = inside.sum() * 2.0**3
    assert volume == pytest.approx(4 / 3 * np.pi * 12.0**3, rel=0.01)
    moments, directions = np.linalg.eigh(np.cov(np.argwhere(inside).T))
    along = np.abs(directions.T @ axis).argmax()
    others = np.delete(moments, along).mean()
    assert np.sqrt(moments[along] / others) == pytest.approx(ratio, rel=0.03)


# --- whole subjects


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One subject with each signal."""
    settings = {"seed": 3, "canvas_mm": 3.0, "scale": 1.5, "nifti": True}
    return [
        make_subject(tmp_path_factory.mktemp(signal), 1, signal=signal, **settings)
        for signal in shape_signal.SIGNALS
    ]


def data(folder: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj)


def test_latents_places_and_dose_are_those_of_the_first_signal(both):
    first, second = (read_truth(folder) for folder in both)
    assert "signal" not in first
    assert second["signal"] == "shape"
    same = ("label", "latents", "cavity_canvas_mm", "lesion_distance_mm", "gantry_deg")
    assert {key: first[key] for key in same} == {key: second[key] for key in same}
    share, ratio = second["rim_fine_share"], second["lesion_axis_ratio"]
    assert norm.ppf(share) == pytest.approx(-0.8 * second["latents"]["post"], abs=1e-3)
    assert np.log(ratio) == pytest.approx(0.36 * second["latents"]["event"], abs=1e-3)
    doses = [(folder / "truth" / "dose_total.nii.gz").read_bytes() for folder in both]
    assert hashlib.sha256(doses[0]).digest() == hashlib.sha256(doses[1]).digest()


def test_the_rim_goes_all_the_way_around_the_cavity(both):
    """In each octant about the cavity something enhances, which bare walls of nodules do not."""
    folder = both[1]
    image, cavity = data(folder / "nifti", "postop"), data(folder / "truth", "postop_cavity") > 0
    brain = data(folder / "truth", "postop_brain-mask") > 0
    shell = ndimage.binary_dilation(cavity, iterations=3) & ~cavity & brain
    octants = (np.argwhere(shell) > np.argwhere(cavity).mean(axis=0)) @ [1, 2, 4]
    bright = image[shell] > 1.15 * np.median(image[brain])
    shares = [bright[octants == k].mean() for k in range(8) if (octants == k).sum() > 20]
    assert min(shares) > 0.2


def test_other_signal_other_identifiers(both):
    items = [pydicom.dcmread(folder / "dicom" / "rt" / "RD.dcm") for folder in both]
    assert items[0].SOPInstanceUID != items[1].SOPInstanceUID


def test_a_finished_subject_of_the_other_signal_is_refused(both, capsys):
    for folder, asked in zip(both, ("shape", "intensity"), strict=True):
        renamed = folder.with_name("P001")
        if not renamed.exists():
            folder.rename(renamed)
        arguments = ["--subjects", "1", "--seed", "3", "--canvas-mm", "3", "--scale", "1.5"]
        assert main(["--out", str(folder.parent), *arguments, "--signal", asked]) == 1
        assert "shape" in capsys.readouterr().err
        renamed.rename(folder)
