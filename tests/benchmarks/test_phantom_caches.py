"""Caches straight from the generator, against scipy on the written files and the whole workflow."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from scipy.ndimage import map_coordinates

import whole_workflow
from benchmark_modules import benchmark
from plans import write_plan
from ricenet.phantom.files import make_subject, read_truth
from ricenet.phantom.study import make_study
from ricenet.phantom.subject import draw_subject

caches = benchmark("phantom_caches")

INDEX, SETTINGS = 2, {"seed": 3, "canvas_mm": 3.0, "scale": 1.5}
GRID = caches.Grid(6.0, (30, 36, 30))


def places_of(affine: np.ndarray, matrix: np.ndarray, image: nib.Nifti1Image) -> np.ndarray:
    """Voxels of an image that the voxels of the box look at, (3, N)."""
    voxels = np.indices(GRID.shape).reshape(3, -1)
    to_image = np.linalg.inv(image.affine) @ matrix @ affine
    return to_image[:3, :3] @ voxels + to_image[:3, 3:]


def test_volumes_are_those_that_scipy_finds_in_the_written_files(tmp_path):
    """The truth's matrices and masks, cubic splines, the formula of the z-score written again."""
    folder = make_subject(tmp_path, INDEX, nifti=True, **SETTINGS)
    truth = read_truth(folder)
    cache = caches.make_cache(draw_subject(INDEX, **SETTINGS), GRID)
    to_event = {
        "postop": truth["postop_to_event"],
        "event": np.eye(4),
        "dose": truth["ct_to_event"],
    }
    files = {name: folder / "nifti" / f"{name}.nii.gz" for name in ("postop", "event")}
    files["dose"] = folder / "truth" / "dose_total.nii.gz"
    brain = cache.volumes[1].ravel() != 0
    mask = nib.load(folder / "truth" / "event_brain-mask.nii.gz")
    places = places_of(cache.affine, np.eye(4), mask)
    expected = map_coordinates(np.asarray(mask.dataobj, float), places, order=1) > 0.5
    assert 2 * (brain & expected).sum() / (brain.sum() + expected.sum()) > 0.98
    for volume, (name, path) in zip(cache.volumes, files.items(), strict=True):
        image = nib.load(path)
        places = places_of(cache.affine, np.linalg.inv(to_event[name]), image)
        order = 1 if name == "dose" else 3
        found = map_coordinates(np.asarray(image.dataobj, float), places, order=order)
        if name == "dose":
            found /= 60
        else:
            found = (found - found[brain].mean()) / found[brain].std()
        np.testing.assert_allclose(volume.ravel()[brain], found[brain], atol=0.03)
    assert cache.truth["label"] == 1
    assert cache.truth["latents"] == truth["latents"]
    centre = cache.affine @ [*cache.truth["lesion_voxel"], 1]
    np.testing.assert_allclose(centre[:3], truth["lesion_event_mm"], atol=0.02)


def test_a_cohort_goes_on_where_it_stopped_and_refuses_other_settings(tmp_path):
    how = {"seed": 3, "scale": 1.5, "canvas_mm": 4.0, "grid": caches.Grid(8.0, (24, 28, 24))}
    caches.make_cohort(tmp_path, subjects=1, **how)
    kept = (tmp_path / "P001.npy").stat().st_mtime_ns
    found = caches.make_cohort(tmp_path, subjects=2, **how)
    assert list(found) == ["P001", "P002"]
    assert (tmp_path / "P001.npy").stat().st_mtime_ns == kept
    with pytest.raises(ValueError, match=r"'seed': 3.*'seed': 4"):
        caches.make_cohort(tmp_path, subjects=1, **how | {"seed": 4})


# --- the whole workflow


def settings_file(folder: Path, table: Path) -> Path:
    """Settings of a study of one patient, as config/phantoms has them."""
    values = yaml.safe_load(Path(whole_workflow.ROOT / "config/phantoms/config.yaml").read_text())
    (folder / "cohort.tsv").write_text("subject\tsplit\tfold\n")
    (folder / "overrides.tsv").write_text("subject\tcheck\tdecision\twho\twhy\n")
    write_plan(folder / "plan.yaml", ["event"])
    values |= {
        "study": "one", "results": str(folder / "results"), "subjects": str(table),
        "cohort": str(folder / "cohort.tsv"), "overrides": str(folder / "overrides.tsv"),
        "analysis_plan": str(folder / "plan.yaml"),
    }  # fmt: skip
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.long
@pytest.mark.timeout(2700)
def test_the_workflow_makes_the_same_cache(tmp_path):
    """Through DICOM, HD-BET and ANTs; what differs is their estimate of brain and pose."""
    how = {"seed": 7, "canvas_mm": 2.0, "scale": 1.5}
    table = make_study(tmp_path / "raw", subjects=1, nifti=False, processes=1, **how)
    target = tmp_path / "results" / "one" / "caches" / "P001.npy"
    result = whole_workflow.run(settings_file(tmp_path, table), str(target))
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    facts = json.loads(target.with_suffix(".json").read_text())["facts"]
    real = np.load(target).astype(np.float32)
    cache = caches.make_cache(draw_subject(0, **how), caches.SMALL)
    shift = np.linalg.inv(facts["affine"]) @ cache.affine  # whole voxels, as both boxes have
    moved = np.rint(shift[:3, 3]).astype(int)
    np.testing.assert_allclose(shift[:3, :3], np.eye(3), atol=1e-4)
    np.testing.assert_allclose(shift[:3, 3], moved, atol=0.1)
    assert np.abs(moved).max() <= 2
    ours = np.roll(cache.volumes.astype(np.float32), moved, axis=(1, 2, 3))
    brains = [stack[1] != 0 for stack in (ours, real)]
    both = brains[0] & brains[1]
    assert 2 * both.sum() / (brains[0].sum() + brains[1].sum()) > 0.97
    for name, least in (("postop", 0.995), ("event", 0.999), ("dose", 0.999)):
        place = list(caches.CHANNELS).index(name)
        a, b = ours[place][both], real[place][both]
        likeness, beside = np.corrcoef(a, b)[0, 1], np.sqrt(np.mean((a - b) ** 2))
        print(f"{name}: correlation {likeness:.5f}, rms difference {beside:.4f}")
        assert likeness > least
        assert beside < (0.01 if name == "dose" else 0.15)
