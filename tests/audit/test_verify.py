"""verify names exactly the files that somebody has tampered with, and nothing else."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import finished_study
from finished_study import Finished
from ricenet.audit import records, verify
from ricenet.provenance import record, steps
from ricenet.provenance.atomic import write_json
from ricenet.study.accepted_code import Accepted
from ricenet.study.study import Study, from_files

IMAGE = "subjects/S2/event_zscored.nii.gz"
CROPPED = "subjects/S2/event_cropped.nii.gz"
MODEL = "cohorts/c1/event/fold-0/model.safetensors"


@pytest.fixture
def study(small_study: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """A copy to damage."""
    monkeypatch.chdir(finished_study.ROOT)
    return small_study.copied(tmp_path / "copy")


def problems(study: Finished) -> set[tuple[str, str]]:
    found = verify.verify(study.root, study=from_files([study.config]), processes=1).problems
    return {(problem.kind, problem.file) for problem in found}


def test_finished_study_is_proved(study: Finished) -> None:
    assert problems(study) == set()


# --- the tamper table -----------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[352 + 4 * 4210] ^= 1  # the lowest bit of one float32 in the middle of the brain
    path.write_bytes(gzip.compress(bytes(content), 1, mtime=0))


def swap(root: Path) -> None:
    first, second = root / CROPPED, root / CROPPED.replace("S2", "S3")
    first.rename(root / "x")
    second.rename(first)
    (root / "x").rename(second)


def shift_affine(path: Path) -> None:
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 0.5
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)


def edit_record(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def forge_record(path: Path, change: Callable[[dict], object]) -> None:
    """Edit a record and renew its seal."""
    edit_record(path, lambda r: (change(r), r.update(seal=record.seal(r))))


def pass_check(content: dict) -> None:
    content["checks"][0]["value"] = 1.0


def replace_model(root: Path) -> None:
    shutil.copy(root / MODEL.replace("fold-0", "fold-1"), root / MODEL)


def touch_all(root: Path) -> None:
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (number, number))


def remove_with_record(root: Path) -> None:
    (root / "caches/S4.npy").unlink()
    (root / "caches/S4.json").unlink()


def exchange_subjects(root: Path) -> None:
    """Everything of two subjects, records too: only raw data and manifest tell."""
    for folder in ("subjects/{}", "caches/{}.npy", "caches/{}.json"):
        first, second, away = (root / folder.format(name) for name in ("S1", "S2", "X"))
        first.rename(away)
        second.rename(first)
        away.rename(second)


def note(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text("x\n")


TAMPERED: dict[str, tuple[Callable[[Path], object], set[tuple[str, str]]]] = {
    "touched only": (touch_all, set()),
    "recompressed only": (
        lambda root: (root / IMAGE).write_bytes(
            gzip.compress(gzip.decompress((root / IMAGE).read_bytes()), 9, mtime=5)
        ),
        set(),
    ),
    "bit flip in a voxel": (lambda root: flip_a_bit(root / IMAGE), {("altered", IMAGE)}),
    "bit flip in a cache": (
        lambda root: (root / "caches/S1.npy").write_bytes(
            (root / "caches/S1.npy").read_bytes()[:-1] + b"\1"
        ),
        {("altered", "caches/S1.npy")},
    ),
    "swapped subjects' files": (
        swap, {("altered", CROPPED), ("altered", CROPPED.replace("S2", "S3"))},
    ),
    "edited record": (
        lambda root: edit_record(root / "subjects/S1/crop.json", pass_check),
        {("altered", "subjects/S1/crop.json")},
    ),
    "edited digest in a record": (
        lambda root: edit_record(
            root / "caches/S1.json", lambda r: r["outputs"]["out"][0].update(digest="0" * 64)
        ),
        {("altered", "caches/S1.json")},
    ),
    "forged record": (  # seal renewed: the gate that read it still knows the old one
        lambda root: forge_record(root / "subjects/S1/crop.json", pass_check),
        {
            ("wrong parent", "subjects/S1/quality.json"),
            ("wrong parent", "subjects/S1/probe-features.json"),
        },
    ),
    "cut record": (
        lambda root: (root / "caches/S1.json").write_text('{"step": "cache", '),
        {("altered", "caches/S1.json"), ("orphaned", "caches/S1.npy"),
         ("missing", "caches/S1.npy")},
    ),
    "deleted file": (lambda root: (root / IMAGE).unlink(), {("missing", IMAGE)}),
    "deleted with its record": (remove_with_record, {("missing", "caches/S4.npy")}),
    "deleted last result": (
        lambda root: shutil.rmtree(root / "cohorts/c1/report"),
        {("missing", "cohorts/c1/report/index.html")},
    ),
    "extra file": (
        note("subjects/S1/notes.txt"), {("orphaned", "subjects/S1/notes.txt")},
    ),
    "half-written file": (
        note("caches/.4711.S1.npy"), {("orphaned", "caches/.4711.S1.npy")},
    ),
    "extra subject": (
        lambda root: shutil.copytree(root / "subjects/S1", root / "subjects/S9"),
        {"orphaned"},
    ),
    "changed header affine": (lambda root: shift_affine(root / IMAGE), {("altered", IMAGE)}),
    "replaced model": (replace_model, {("altered", MODEL)}),
    "truncated gzip": (
        lambda root: (root / IMAGE).write_bytes((root / IMAGE).read_bytes()[:-20]),
        {("altered", IMAGE)},
    ),
    "link in place of a file": (
        lambda root: ((root / IMAGE).rename(root.parent / "x.nii.gz"),
                      (root / IMAGE).symlink_to(root.parent / "x.nii.gz")),
        {("altered", IMAGE)},
    ),
    "edited prediction": (
        lambda root: (root / "cohorts/c1/event/test-predictions.tsv").write_text("x\n"),
        {("altered", "cohorts/c1/event/test-predictions.tsv")},
    ),
    "edited report": (
        note("cohorts/c1/report/index.html"), {("altered", "cohorts/c1/report/index.html")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
def test_tampering_is_named(case: str, study: Finished) -> None:
    tamper, expected = TAMPERED[case]
    tamper(study.root)
    found = problems(study)
    if case == "extra subject":
        assert {kind for kind, _ in found} == expected
        assert {file.split("/")[1] for _, file in found} == {"S9"}
    else:
        assert found == expected


def test_subjects_that_were_exchanged_whole_are_found(study: Finished) -> None:
    """Every record in them is sound: raw data tell, and the names within the caches' records."""
    exchange_subjects(study.root)
    native = {f"subjects/{s}/{name}_native.json" for s in ("S1", "S2")
              for name in ("postop", "event", "dose")}  # fmt: skip
    found = problems(study)
    assert {("stale", name) for name in native} <= found
    assert {("altered", "caches/S1.npy"), ("altered", "caches/S2.npy")} <= found


# --- what people edit -----------------------------------------------------------------------------


def test_edited_cohort_file_is_found(study: Finished) -> None:
    table = study.folder / "c1.tsv"
    text = table.read_text()
    table.write_text(
        text.replace("S1\ttrain\t0", "S1\ttrain\t1").replace("2\ttrain\t1", "2\ttrain\t0")
    )
    assert problems(study) == {("stale", "cohorts/c1/manifest.json")}


def test_changed_setting_is_found(study: Finished) -> None:
    study.configure(crop={"shape": [19, 20, 20]})
    crops = {("stale", f"subjects/{s}/crop.json") for s in finished_study.LABELS}
    assert problems(study) == crops


def edit_code_of(edited: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Study.own_code
    monkeypatch.setattr(
        Study, "own_code", lambda self, step: own(self, step) + "x" * (step == edited)
    )


def test_changed_code_is_found(study: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_code_of("cache", monkeypatch)
    caches = {("stale", f"caches/{s}.json") for s in finished_study.LABELS}
    assert problems(study) == caches


def test_older_code_that_a_person_accepted_is_shown_and_no_problem(
    study: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by = steps.code_hash("cache")
    edit_code_of("cache", monkeypatch)
    plan = from_files([study.config])
    plan.accepted_code["cache"] = Accepted(made_by, "AB", "only a log line")
    found = verify.verify(study.root, study=plan, processes=1)
    assert found.problems == []
    assert found.accepted == [
        f"accepted: 5 records of cache by the older code {made_by} (AB: only a log line)"
    ]
    assert found.accepted[0] in verify.text(found, 1)
    plan.accepted_code["cache"] = Accepted("0" * 16, "AB", "other code than that of the records")
    assert len(verify.verify(study.root, study=plan, processes=1).problems) == 5


def test_changed_row_and_raw_data_are_found(study: Finished) -> None:
    table = study.folder / "subjects.tsv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0] + "\tfractions", lines[1] + "\t30",
                                *(line + "\t" for line in lines[2:])]) + "\n")  # fmt: skip
    raw = sorted((study.folder / "raw/CANARY3/event").iterdir())[0]
    raw.write_bytes(raw.read_bytes() + b"\0")
    assert problems(study) == {
        ("stale", "subjects/S1/dose_native.json"),
        ("stale", "subjects/S3/event_native.json"),
    }


def test_file_made_anew_makes_its_children_wrongly_parented(study: Finished) -> None:
    """Whole files with sound records, made from other content than what there is now."""
    path = study.root / IMAGE
    flip_a_bit(path)
    from ricenet.provenance.digests import file_digest

    forge_record(
        study.root / "subjects/S2/event_zscored.json",
        lambda r: r["outputs"]["out"][0].update(digest=file_digest(path)),
    )
    assert problems(study) == {
        ("wrong parent", "subjects/S2/crop.json"),
        ("wrong parent", "subjects/S2/quality.json"),
        ("wrong parent", "subjects/S2/probe-features.json"),
        ("stale", "audit/audit.json"),
    }


def test_excluded_subjects_and_other_cohorts_are_not_asked_for(study: Finished) -> None:
    study.decide(*(f"{s}\tpostop_to-event/left-right\taccept\tTest\tcoarse spheres"
                   for s in ("S1", "S2", "S3", "S4")),
                 "S5\tall\texclude\tTest\twithdrawn")  # fmt: skip
    (study.folder / "c1.tsv").rename(study.folder / "c2.tsv")
    study.configure(cohort=str(study.folder / "c2.tsv"), crop={"shape": [19, 20, 20]})
    stale = {file for kind, file in problems(study) if kind == "stale"}
    assert stale == {f"subjects/{s}/crop.json" for s in ("S1", "S2", "S3", "S4")}


# --- root digest and command line -----------------------------------------------------------------


def root_digest(root: Path) -> str:
    return verify.verify(root, processes=1).root_digest


def test_root_digest_is_that_of_the_audit_and_of_the_report(study: Finished) -> None:
    found = root_digest(study.root)
    audit = json.loads((study.root / "audit/audit.json").read_text())
    assert found == audit["facts"]["root_digest"]
    assert found in (study.root / "cohorts/c1/report/index.html").read_text()


def test_root_digest_knows_content_and_names_only(study: Finished, tmp_path: Path) -> None:
    before = root_digest(study.root)
    touch_all(study.root)
    forge_record(study.root / "caches/S1.json", lambda r: r.update(seconds=999, threads=7))
    moved = study.root.rename(tmp_path / "elsewhere")
    assert root_digest(moved) == before
    flip_a_bit(moved / IMAGE)
    assert root_digest(moved) != before


def test_root_digest_by_hand(tmp_path: Path) -> None:
    import hashlib

    from ricenet.audit.chain import SCHEME, folder_digest

    def level(*entries: list[str]) -> str:
        return hashlib.sha256(json.dumps([SCHEME, [*entries]]).encode()).hexdigest()

    inner = level(["x.tsv", "1" * 64])
    assert folder_digest({"b/x.tsv": "1" * 64, "a": "2" * 64}) == level(
        ["a", "2" * 64], ["b/", inner]
    )


def test_command_line(study: Finished) -> None:
    command = [sys.executable, "-m", "ricenet", "verify", "--configfile", str(study.config)]
    environment = os.environ | {"PYTHONPATH": "src"}

    def run(*more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*command, *more], env=environment, capture_output=True, text=True, check=False
        )

    whole = run()
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "every file is proved" in whole.stdout and "MB/s" in whole.stdout
    assert root_digest(study.root) in whole.stdout
    (study.root / MODEL).unlink()
    broken = run("--processes", "2")
    assert broken.returncode == 1
    assert broken.stdout.startswith(f"missing       {MODEL}  named by")
    assert "1 problems with 1 files" in broken.stdout


def test_folder_alone_needs_no_settings(study: Finished, capsys: pytest.CaptureFixture) -> None:
    study.configure(crop={"shape": [19, 20, 20]})
    assert verify.main([str(study.root), "--processes", "1"]) == 0
    assert "nothing is compared with settings" in capsys.readouterr().out
    assert verify.main([str(study.root / "no")]) == 2


def test_records_of_all_steps_are_read(small_study: Finished) -> None:
    found = records.read(small_study.root)
    steps = {r.step for r in found.records.values()}
    assert not found.problems and {"ingest_dose", "train_model", "audit", "report"} < steps
