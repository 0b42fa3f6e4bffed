"""The whole workflow on synthetic patients, from DICOM to the report, against their known truth.

Real Snakemake, real ANTs, real HD-BET, real training; coarse grids and few epochs. Five patients:
four train in two folds, one is the test set, with two of the seven input combinations (which ones a
study may train is planned in ``test_planning.py``). One has an event that is dated before
radiotherapy, and a sixth has a cut file: the first run holds them back, the second goes on with
what a person decided. One of the five arrives a second time, as NIfTI and under another name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml

from plans import write_plan
from ricenet.image.volume import Volume, load
from ricenet.phantom.study import make_study
from snakemake_project import ARRIVAL_JOBS, SUBJECT_JOBS, job_counts

# the fixtures run the whole workflow: a busy machine needs more than the suite's limit
pytestmark = [pytest.mark.slow, pytest.mark.whole_machine, pytest.mark.timeout(2700)]

ROOT = Path(__file__).parents[2]
SUBJECTS = ("P001", "P002", "P003", "P004", "P005")
COHORT = {"P001": "train\t0", "P002": "train\t1", "P003": "train\t0", "P004": "test\t",
          "P005": "train\t1"}  # fmt: skip
WHOLE = "postop-event-dose"
COMBINATIONS = [WHOLE, "dose"]
NIFTI = "subjects-nifti"


def snakemake(config: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run the real workflow in the project's folder."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", *arguments,
         "--profile", "workflow/profiles/local", "--resources", "gpu=2", "--set-threads",
         "train_model=1", "predict_test=1", "occlusion_map=1",
         "predict_arrival=1", "occlusion_arrival=1", "occlusion_cubes=1", "dose_counterfactual=1",
         "--configfile", "config/demo/config.yaml", str(config)],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert not check or result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    return result


class Run:
    """A finished run: where its files and the truth are."""

    def __init__(self, folder: Path) -> None:
        self.raw, name = folder / "raw", "dicom"
        self.config = folder / f"{name}.yaml"
        self.root = folder / "results" / name
        self.overrides = folder / f"{name}-overrides.tsv"
        self.decide()
        self.first = ""
        cohort = folder / "c1.tsv"
        rows = [f"{s}\t{COHORT[s]}" for s in SUBJECTS]
        cohort.write_text("\n".join(["subject\tsplit\tfold", *rows]) + "\n")
        plan = write_plan(
            folder / "plan.yaml", COMBINATIONS, contrasts=[COMBINATIONS], tables=["probes"]
        )
        self.config.write_text(
            yaml.safe_dump(
                {
                    "study": name,
                    "results": str(folder / "results"),
                    "subjects": str(self.raw / "subjects.tsv"),
                    "cohort": str(cohort),
                    "overrides": str(self.overrides),
                    "input_combinations": COMBINATIONS,
                    "analysis_plan": plan,
                    "train_model": {"epochs": 2},
                    "occlusion_map": {"stride_mm": 24.0},
                }
            )
        )

    def decide(self, *rows: str) -> None:
        """Write the overrides table."""
        lines = ["subject\tcheck\tdecision\twho\twhy", *rows]
        self.overrides.write_text("\n".join(lines) + "\n")

    def volume(self, subject: str, name: str) -> Volume:
        return load(self.root / "subjects" / subject / f"{name}.nii.gz")

    def record(self, subject: str, name: str) -> dict[str, Any]:
        return json.loads((self.root / "subjects" / subject / f"{name}.json").read_text())

    def truth(self, subject: str) -> dict[str, Any]:
        return json.loads((self.raw / subject / "truth" / "truth.json").read_text())

    def true_volume(self, subject: str, name: str) -> Volume:
        return load(self.raw / subject / "truth" / f"{name}.nii.gz")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("study")
    make_study(
        folder / "raw", subjects=5, seed=3, canvas_mm=2.0, scale=1.0, nifti=True, processes=2
    )
    table = add_columns(folder / "raw")
    finished = Run(folder)
    date_before_radiotherapy(finished.raw / "P005" / "dicom" / "event")
    add_broken(table)
    stopped = snakemake(finished.config, "preprocess", check=False)
    assert stopped.returncode == 1
    finished.first = stopped.stderr
    finished.decide(
        "P005\ttimeline/event-after-radiotherapy\taccept\tTest\tthe clock of the scanner was wrong",
        "P006\tall\texclude\tTest\tto be exported again",
    )
    snakemake(finished.config)
    yield finished
    shutil.rmtree(folder, ignore_errors=True)


def date_before_radiotherapy(series: Path) -> None:
    """Date a series ten days after the post-operative one, before any radiotherapy."""
    for path in series.rglob("*.dcm"):
        data = pydicom.dcmread(path)
        for keyword in ("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"):
            data[keyword].value = "20200111"
        data.save_as(path)


def add_columns(raw: Path) -> Path:
    """Add to the table, empty, the columns that only NIfTI needs; the table."""
    tables = [pd.read_csv(raw / f"{n}.tsv", sep="\t", dtype=str) for n in ("subjects", NIFTI)]
    both = tables[0].reindex(columns=list(dict.fromkeys([*tables[0].columns, *tables[1].columns])))
    both.to_csv(raw / "subjects.tsv", sep="\t", index=False)
    return raw / "subjects.tsv"


def add_broken(table: Path) -> None:
    """Add P006: the raw data of P001, one file of each MRI cut short."""
    shutil.copytree(table.parent / "P001" / "dicom", table.parent / "P006" / "dicom")
    for visit in ("postop", "event"):
        victim = sorted((table.parent / "P006" / "dicom" / visit).rglob("*.dcm"))[20]
        victim.write_bytes(victim.read_bytes()[:-1000])
    row = next(line for line in table.read_text().splitlines() if line.startswith("P001"))
    table.write_text(table.read_text() + row.replace("P001", "P006") + "\n")


def points_of(mask: Volume, count: int = 300) -> np.ndarray:
    """Some voxel centres inside a mask, (N, 4) homogeneous RAS mm."""
    voxels = np.argwhere(mask.data > 0)
    chosen = voxels[np.random.default_rng(0).choice(len(voxels), count, replace=False)]
    return np.c_[chosen, np.ones(count)] @ mask.affine.T


def values_at(volume: Volume, points: np.ndarray) -> np.ndarray:
    """Nearest voxels' values at (N, 4) points, RAS mm; 0 outside."""
    index = np.rint(points @ np.linalg.inv(volume.affine).T)[:, :3].astype(int)
    inside = ((index >= 0) & (index < volume.data.shape)).all(axis=1)
    found = np.zeros(len(points), volume.data.dtype)
    found[inside] = volume.data[tuple(index[inside].T)]
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_registration_recovers_the_known_motion(run: Run, subject: str) -> None:
    truth = run.truth(subject)
    for moving, fixed in (("postop", "event"), ("ct", "postop")):
        record = run.record(subject, f"{moving}_to-{fixed}")
        back = np.array(record["facts"]["fixed_to_moving_points_ras_mm"])
        points = points_of(run.true_volume(subject, "postop_brain-mask"))
        if moving == "ct":  # the points are the fixed image's, the post-op's
            error = points @ back.T @ np.array(truth["ct_to_postop"]).T - points
        else:
            error = points @ np.array(truth["postop_to_event"]).T @ back.T - points
        distance = np.linalg.norm(error[:, :3], axis=1)
        print(f"{subject} {moving}: {distance.mean():.2f} mm, worst {distance.max():.2f} mm")
        assert distance.max() < 1.0


@pytest.mark.parametrize("subject", SUBJECTS)
def test_brain_masks_match_the_known_brain(run: Run, subject: str) -> None:
    for channel in ("postop", "event"):
        true = run.true_volume(subject, f"{channel}_brain-mask")
        found = run.volume(subject, f"{channel}_brain-mask")
        voxels = np.c_[np.indices(found.data.shape).reshape(3, -1).T, np.ones(found.data.size)]
        known = values_at(true, voxels @ found.affine.T).reshape(found.data.shape) > 0
        overlap = 2 * (known & (found.data > 0)).sum() / (known.sum() + (found.data > 0).sum())
        print(f"{subject} {channel}: Dice {overlap:.3f}")
        assert overlap > 0.95


@pytest.mark.parametrize("subject", SUBJECTS)
def test_dose_has_the_right_height_and_place(run: Run, subject: str) -> None:
    truth, true = run.truth(subject), run.true_volume(subject, "dose_total")
    ledger = run.record(subject, "dose_native")["facts"]["ledger"]
    assert ledger["kind"] == truth["dose_kind"]
    assert ledger["factor"] == (truth["fractions"] if ledger["kind"] == "per_fraction" else 1)
    assert ledger["total_maximum_gy"] == pytest.approx(truth["dose_max_gy"], rel=1e-3)
    total = run.volume(subject, "dose_total")
    points = points_of(run.volume(subject, "event_brain-mask"), 2000)
    in_ct = points @ np.linalg.inv(np.array(truth["ct_to_event"])).T
    expected, found = values_at(true, in_ct), values_at(total, points)
    # nearest voxels of a 2.5 mm grid against linear sampling, in the gradients too
    assert np.median(np.abs(found - expected)) < 0.5
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    high = points[found > 0.9 * truth["prescription_gy"]]
    centre = np.array(truth["cavity_event_mm"])
    assert np.linalg.norm(high[:, :3].mean(axis=0) - centre) < 12  # the beams' hottest part moves


@pytest.mark.parametrize("subject", SUBJECTS)
def test_lesion_survives_in_the_cache(run: Run, subject: str) -> None:
    cropped = run.volume(subject, "event_cropped")
    cache = np.load(run.root / "caches" / f"{subject}.npy", mmap_mode="r", allow_pickle=False)
    lesion = points_of(run.true_volume(subject, "event_lesion"), 200)
    inside = values_at(Volume(np.asarray(cache[1], np.float32), cropped.affine), lesion)
    brain = cache[1][cache[1] != 0].astype(np.float32)
    assert (inside != 0).mean() > 0.99
    assert np.percentile(inside, 75) > np.percentile(brain, 75)  # it enhances


def test_the_first_run_ends_with_a_board_of_who_needs_a_person(run: Run) -> None:
    assert "1 failed, 1 held, 4 ready" in run.first
    failed, held = run.first.index("P006  failed  ingest_mri"), run.first.index("P005  held")
    assert failed < held
    assert "truncated" in run.first and "timeline/event-after-radiotherapy" in run.first
    board = (run.root / "status.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in board[1:3]] == [
        ["P006", "excluded"],
        ["P001", "ready"],
    ]
    page = (run.root / "cohorts/c1/report/index.html").read_text()
    assert "to be exported again" in page and "failed, accepted by a person" in page


def test_cache_equals_the_cropped_volumes(run: Run) -> None:
    for subject in SUBJECTS:
        cache = np.load(run.root / "caches" / f"{subject}.npy", allow_pickle=False)
        assert cache.dtype == np.float16
        mask = run.volume(subject, "brain-mask_cropped").data > 0
        for place, (channel, divisor) in enumerate((("postop", 1), ("event", 1), ("dose", 60))):
            cropped = run.volume(subject, f"{channel}_cropped").data / divisor
            np.testing.assert_allclose(cache[place], cropped, atol=4e-3)
            assert not cache[place][~mask].any()


def test_nothing_is_left_to_do(run: Run) -> None:
    text = snakemake(run.config, "--dry-run").stdout
    assert "Nothing to be done" in text


def test_report_is_complete(run: Run) -> None:
    page = (run.root / "cohorts/c1/report/index.html").read_text()
    assert "Research use only" in page
    assert page.count("data:image/png;base64,") >= len(SUBJECTS) + 1
    summary = json.loads((run.root / "cohorts/c1/evaluation/metrics.json").read_text())
    assert set(summary["ablations"]) == set(COMBINATIONS)


def test_occlusion_is_explained(run: Run) -> None:
    page = (run.root / "cohorts/c1/report/index.html").read_text()
    assert "inside the 95 % isodose" in page and "dose × 1.2" in page
    folder = run.root / "cohorts/c1" / WHOLE
    native, there = (
        run.volume("P004", "event_native"),
        load(folder / "occlusion/P004_native.nii.gz"),
    )
    assert there.data.shape == native.data.shape
    np.testing.assert_allclose(there.affine, native.affine, atol=1e-3)
    facts = json.loads((folder / "occlusion/P004_native.json").read_text())["facts"]
    assert facts["native_importance_ml"] == pytest.approx(facts["map_importance_ml"], rel=0.1)
    doses = (folder / "dose-counterfactuals.tsv").read_text().splitlines()
    record = json.loads((folder / "occlusion/P004.json").read_text())["facts"]
    own = next(line.split("\t") for line in doses if "\tscaled\t1\t" in line)
    assert float(own[5]) == pytest.approx(record["clean_probability_rice"], abs=1e-5)


def test_training_never_saw_the_test_subject(run: Run) -> None:
    records = sorted(run.root.glob("cohorts/c1/*/fold-*/model.json"))
    assert len(records) == 4
    for path in records:
        facts = json.loads(path.read_text())["facts"]
        seen = set(facts["training_subjects"]) | set(facts["validation_subjects"])
        assert seen == set(SUBJECTS) - {"P004"}


def test_nothing_of_the_headers_is_written(run: Run) -> None:
    planted = [b"PHANTOM^", b"1.2.826.", str(run.raw).encode(), b"RICE phantom"]
    for path in run.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found = [text for text in planted if text in content]
            assert not found, f"{path.relative_to(run.root)} holds {found}"


def verify(run: Run, *arguments: str) -> subprocess.CompletedProcess:
    """Call the audit's verify as a person would."""
    demo = "config/demo/config.yaml"
    return subprocess.run(
        [sys.executable, "-m", "ricenet", "verify", "--configfile", demo, str(run.config),
         *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_every_file_is_proved(run: Run) -> None:
    """Digests, chain, settings, code, invariants, and no identity of the raw headers anywhere."""
    result = verify(run, "--against", str(run.raw))
    print(result.stdout.splitlines()[-3])
    assert result.returncode == 0, result.stdout
    root_digest = re.search(r"root digest ([0-9a-f]{64})", result.stdout)[1]
    assert root_digest in (run.root / "cohorts/c1/report/index.html").read_text()


def test_damage_is_found_by_the_audit(run: Run) -> None:
    path = run.root / "subjects/P001/event_zscored.nii.gz"
    whole = path.read_bytes()
    image = nib.load(path)
    data = np.array(image.dataobj)
    data[tuple(np.argwhere(data)[0])] += 0.25
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
    command = [sys.executable, "-m", "ricenet", "audit", "--out", str(run.root / "audit/again.tsv")]
    try:
        record = run.root / "audit/again.json"
        result = subprocess.run(
            [*command, "--overrides", str(run.overrides), "--record", str(record)],
            capture_output=True,
            text=True,
            check=False,
        )
        named = verify(run)
    finally:
        path.write_bytes(whole)
    assert result.returncode == 1
    assert "subjects/P001/event_zscored.nii.gz: altered" in result.stderr
    assert not record.exists()
    assert named.returncode == 1
    assert "1 problems with 1 files" in named.stdout
    assert named.stdout.startswith("altered       subjects/P001/event_zscored.nii.gz")


def ran(run: Run, *arguments: str) -> Counter[str]:
    """Run the workflow; the jobs that it ran, or would run."""
    shown = snakemake(run.config, *arguments)
    return job_counts(shown.stdout + shown.stderr)


# from here on the tests change the study, each what the next ones do not look at


def add_arrival(run: Run) -> None:
    """P002 comes once more, as NIfTI, under another name and without a label.

    It has the dose of a single fraction: the table says so here, the RT objects there.
    """
    table = pd.read_csv(run.raw / "subjects.tsv", sep="\t", dtype=str)
    row = (
        pd.read_csv(run.raw / f"{NIFTI}.tsv", sep="\t", dtype=str).set_index("subject").loc["P002"]
    )
    arrived = pd.DataFrame([{**row.drop("label"), "subject": "P007"}])
    both = pd.concat([table, arrived])[table.columns]
    both.to_csv(run.raw / "subjects.tsv", sep="\t", index=False)


def test_an_arriving_patient_runs_its_own_jobs_and_nothing_trains(run: Run) -> None:
    add_arrival(run)
    before = states(run.root)
    assert ran(run, "predict") == SUBJECT_JOBS + ARRIVAL_JOBS + Counter(predictions=1)
    after = states(run.root)
    board = {"status.tsv", "status.html"}
    assert {p: after[p] for p in before if p not in board} == {
        p: s for p, s in before.items() if p not in board
    }
    # P002 was validated by the model of fold 1, which has not seen these images
    cohort = run.root / "cohorts" / "c1"
    answer = json.loads((cohort / "predictions/P007/prediction.json").read_text())
    rows = pd.read_csv(cohort / WHOLE / "fold-1" / "predictions.tsv", sep="\t")
    mine = rows[(rows["subject"] == "P002") & (rows["which"] == "last")]
    found = answer["ablations"][WHOLE]["models"]["fold-1"]
    print(f"{found:.4f} from NIfTI, {mine['probability_rice'].item():.4f} from DICOM")
    assert found == pytest.approx(mine["probability_rice"].item(), abs=0.01)
    assert "Nothing to be done" in snakemake(run.config, "--dry-run", "predict").stdout


def test_nifti_input_gives_the_same_cache(run: Run) -> None:
    """Of the patient that has just arrived."""
    names = ("P002", "P007")
    caches = [
        np.load(run.root / f"caches/{name}.npy", allow_pickle=False).astype(np.float32)
        for name in names
    ]
    masks = [run.volume(name, "brain-mask_cropped").data > 0 for name in names]
    inside = masks[0] & masks[1]
    assert 2 * inside.sum() / sum(mask.sum() for mask in masks) > 0.999
    for place in range(3):
        difference = np.abs(caches[0][place] - caches[1][place])[inside]
        assert np.median(difference) < 0.01
        assert np.corrcoef(caches[0][place][inside], caches[1][place][inside])[0, 1] > 0.999


@pytest.mark.long  # what runs again is planned in test_rules.py, bits are compared step by step
def test_a_rewritten_header_prepares_its_subject_again_and_trains_nothing(run: Run) -> None:
    """Other bytes, the same voxels: the whole chain runs, its results are equal to the bit."""
    cohort = run.root / "cohorts" / "c1"
    trained = states(cohort)
    cache = run.root / "caches" / "P003.npy"
    before = cache.read_bytes()
    for path in (run.raw / "P003" / "dicom" / "ct").rglob("*.dcm"):
        data = pydicom.dcmread(path)
        data.ImageComments = "seen by a second reader"
        data.save_as(path)
    jobs = ran(run, "preprocess")
    # both MRI and the dose are as they were: the CT is registered again, and the dose follows it
    same = Counter(
        ingest_mri=2, ingest_dose=1, resample=2, brain_mask=2, register=1, align=2, zscore=2
    )
    assert jobs == SUBJECT_JOBS - same
    assert cache.read_bytes() == before
    assert "Nothing to be done" in snakemake(run.config, "--dry-run", "preprocess").stdout
    ran(run, str(cohort / "manifest.tsv"))
    # what is computed from the subject's records and images, and nothing that trains
    after = ran(run, "--dry-run")
    own = {"probe_features", "probes", "describe_cohort", "near_duplicates"}
    assert {"audit", "report"} <= after.keys() <= {"audit", "report", *own}
    assert set(after.values()) == {1}
    assert {p: s for p, s in states(cohort).items() if "fold-" in p} == {
        p: s for p, s in trained.items() if "fold-" in p
    }


@pytest.mark.long  # as above
def test_another_learning_rate_trains_again_and_back_again_to_the_same_bits(run: Run) -> None:
    """One fold of one ablation is asked for; the images are as they were."""
    model = run.root / "cohorts/c1/dose/fold-1/model.safetensors"
    before, values = model.read_bytes(), yaml.safe_load(run.config.read_text())
    other = values | {"train_model": values["train_model"] | {"learning_rate": 7e-4}}
    run.config.write_text(yaml.safe_dump(other))
    assert ran(run, str(model)) == Counter(train_model=1)
    assert model.read_bytes() != before
    run.config.write_text(yaml.safe_dump(values))
    assert ran(run, str(model)) == Counter(train_model=1)
    assert model.read_bytes() == before


def states(root: Path) -> dict[str, tuple[int, int]]:
    """Date and size of each file of a study."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in files
    }
