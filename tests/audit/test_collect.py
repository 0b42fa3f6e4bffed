"""audit: planted damage is found by name, harmless changes are not taken for damage."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ricenet import step
from ricenet.audit import collect
from ricenet.image.volume import load
from ricenet.preprocess import crop, zscore
from ricenet.provenance import atomic, digests, record
from step_run import put, run_step

MASK = np.zeros((8, 9, 10), np.uint8)
MASK[2:6, 2:7, 3:8] = 1


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two steps of two subjects, as the workflow runs them."""
    root = tmp_path / "study"
    rng = np.random.default_rng(1)
    for name in ("P1", "P2"):
        subject = root / "subjects" / name
        data = rng.standard_normal(MASK.shape).astype(np.float32)
        image = put(subject / "event_registered.nii.gz", data, np.eye(4))
        mask = put(subject / "event_brain-mask.nii.gz", MASK, np.eye(4))
        scaled = subject / "event_zscored.nii.gz"
        run_step(zscore.main, subject / "event_zscored.json", image=image, mask=mask, out=scaled)
        make_crop(subject)
    (root / "audit").mkdir()
    (root / "cohorts").mkdir()
    (root / "cohorts" / "summary.json").write_text("[1, 2]")  # no record
    note = step.failure_note(root / "logs" / "P3" / "crop.log")  # neither
    note.parent.mkdir(parents=True)
    note.write_text('{"step": "crop", "place": "P3/crop", "why": "x"}')
    return root


def make_crop(subject: Path) -> None:
    run_step(
        crop.main, subject / "crop.json", {"shape": [6, 6, 6]},
        images=[subject / "event_zscored.nii.gz"], mask=subject / "event_brain-mask.nii.gz",
        cropped=[subject / "event_cropped.nii.gz"],
        cropped_mask=subject / "brain-mask_cropped.nii.gz",
    )  # fmt: skip


def run(root: Path, threads: int = 1) -> tuple[dict, pd.DataFrame]:
    out, overrides = root / "audit" / "records.tsv", root.parent / "overrides.tsv"
    overrides.write_text("subject\tcheck\tdecision\twho\twhy\n")
    record = run_step(
        collect.main, root / "audit" / "audit.json", out=out, overrides=overrides, threads=threads
    )
    return record, pd.read_csv(out, sep="\t")


def test_whole_study_passes(study: Path) -> None:
    record, table = run(study, threads=2)
    assert record["facts"]["files"] == 6
    assert (table["verdict"] == "pass").all()
    assert sorted(set(table["record"])) == [
        f"subjects/{s}/{n}.json" for s in ("P1", "P2") for n in ("crop", "event_zscored")
    ]
    assert set(table["subject"]) == {"P1", "P2"}
    assert set(table["step"]) == {"crop", "zscore", "audit"}
    # 2 checks of zscore, 1 of crop, a row for each record; 4 and 2 + 2 invariants, computed here
    assert len(table) == 2 * (2 + 1 + 2 + 4 + 4)
    assert (table["step"] == "audit").sum() == 2 * (4 + 4)
    assert record["checks"][0] | {"value": 0, "verdict": "pass"} == record["checks"][0]
    # its own record does not change the next audit
    again, _ = run(study)
    assert again["facts"] == record["facts"]


def test_study_that_was_touched_recompressed_and_moved_passes(study: Path) -> None:
    before, _ = run(study)
    for number, path in enumerate(sorted(study.rglob("*.nii.gz"))):
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 9, mtime=number))
        os.utime(path, (number, number))
    record, table = run(study.rename(study.parent / "elsewhere"))
    assert record["facts"] == before["facts"] and (table["verdict"] == "pass").all()


def flip_voxel(path: Path) -> None:
    image = nib.load(path)
    data = np.array(image.dataobj)
    data[3, 3, 3] += np.float32(1e-6)
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)


def mirror(path: Path) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.array(image.dataobj)[::-1], image.affine, image.header), path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_voxel, "altered"),
        (mirror, "altered"),
        (Path.unlink, "missing"),
        (truncate, r"altered \(unreadable \(not a readable NIfTI file"),
        (lambda path: path.write_bytes(b""), r"altered \(unreadable"),
    ],
)
def test_damaged_file_is_named(damage, reason: str, study: Path) -> None:
    damage(study / "subjects" / "P2" / "event_cropped.nii.gz")
    with pytest.raises(ValueError, match=rf"\n  subjects/P2/event_cropped.nii.gz: {reason}") as e:
        run(study)
    assert len(str(e.value).splitlines()) == 3  # and no other: what is wrong, the file, the remedy
    assert not list((study / "audit").iterdir())


def test_file_older_than_its_inputs_is_a_failed_check(study: Path) -> None:
    """The image was standardised anew, the crop was not made again: whole, but stale."""
    before, _ = run(study)
    subject = study / "subjects" / "P1"
    data = load(subject / "event_registered.nii.gz").data + MASK * np.arange(10, dtype=np.float32)
    image = put(subject / "event_registered.nii.gz", data, np.eye(4))
    mask, out = subject / "event_brain-mask.nii.gz", subject / "event_zscored.nii.gz"
    run_step(zscore.main, subject / "event_zscored.json", image=image, mask=mask, out=out)
    record, table = run(study)
    failed = table[table["verdict"] == "fail"]
    assert list(failed["record"]) == ["subjects/P1/crop.json"]
    assert list(failed["check"]) == ["inputs changed since"] and list(failed["value"]) == [1]
    assert record["checks"][0]["value"] == 1 and record["checks"][0]["verdict"] == "fail"
    assert record["facts"]["root_digest"] != before["facts"]["root_digest"]
    make_crop(subject)
    assert (run(study)[1]["verdict"] == "pass").all()


def test_a_failed_check_that_was_accepted_is_not_counted_but_shown(study: Path) -> None:
    path = study / "subjects" / "P2" / "crop.json"
    content = json.loads(path.read_text())
    content["checks"][0]["verdict"] = "fail"
    atomic.write_json(path, content | {"seal": record.seal(content)})
    name = content["checks"][0]["check"]
    assert run(study)[0]["checks"][0]["value"] == 1
    for subject, left in (("P1", 1), ("P2", 0)):  # another subject's decision is not this one's
        row = f"check\tdecision\ncrop/{name}\taccept\n"
        (study / "subjects" / subject / "quality.tsv").write_text(row)
        found, table = run(study)
        assert found["checks"][0]["value"] == left
    assert list(table.loc[table["verdict"] == "accepted", "subject"]) == ["P2"]


def test_record_that_was_edited_is_named(study: Path) -> None:
    path = study / "subjects" / "P2" / "crop.json"
    path.write_text(path.read_text().replace('"value": 0', '"value": 1'))
    with pytest.raises(ValueError, match=r"\n  subjects/P2/crop.json: altered \(the record was"):
        run(study)


def test_invariants_are_computed_from_the_voxels_not_taken_from_the_record(study: Path) -> None:
    """An image whose record says that all is well, and whose mean in the brain is 1."""
    subject = study / "subjects" / "P2"
    image = load(subject / "event_zscored.nii.gz")
    put(subject / "event_zscored.nii.gz", image.data + MASK, image.affine)
    path = subject / "event_zscored.json"
    content = json.loads(path.read_text())
    digest = digests.file_digest(subject / "event_zscored.nii.gz")
    content["outputs"]["out"][0]["digest"] = digest
    atomic.write_json(path, content | {"seal": record.seal(content)})
    make_crop(subject)
    table = run(study)[1]
    failed = table[table["verdict"] == "fail"]
    assert list(failed["check"]) == ["mean-in-brain"] and list(failed["step"]) == ["audit"]
    assert list(failed["record"]) == ["subjects/P2/event_zscored.json"]
    assert failed["value"].item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("content", [b'{"step": "crop", ', b"\xff\xfe\x00"])
def test_damaged_record_is_named(content: bytes, study: Path) -> None:
    (study / "subjects" / "P1" / "crop.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"\n  subjects/P1/crop.json: altered \(not a readable"):
        run(study)
