"""key: a patient keeps the pseudonym when the export has grown, and the key lies apart."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from raw_exports import RawPatient, patient, write_nested
from ricenet.config.settings_files import CHECKOUT
from ricenet.scan import key
from ricenet.scan.command import main


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> list[RawPatient]:
    scratch = tmp_path_factory.mktemp("scratch")
    return [patient(scratch, number) for number in range(4)]


def subjects_of(table: Path) -> dict[str, str]:
    """Folder of the patient in the export to pseudonym, read without the package."""
    rows = [line.split("\t") for line in table.read_text().splitlines() if line[0] != "#"]
    return {Path(row[2]).parts[-2]: row[0] for row in rows[1:]}


def test_who_was_known_keeps_the_pseudonym(four: list[RawPatient], tmp_path: Path) -> None:
    place = tmp_path / "locked" / "key.tsv"
    place.parent.mkdir()
    write_nested(tmp_path / "first", four[:2])
    write_nested(tmp_path / "grown", four)
    for name in ("first", "grown"):
        out = ["--out", str(tmp_path / f"{name}.tsv")]
        assert main([str(tmp_path / name), *out, "--key", str(place)]) == 0
    before, after = subjects_of(tmp_path / "first.tsv"), subjects_of(tmp_path / "grown.tsv")
    assert len(before) == 2 and len(after) == 4 and before.items() < after.items()
    assert sorted(after.values()) == ["P001", "P002", "P003", "P004"]
    assert place.stat().st_mode & 0o077 == 0
    with place.open(newline="") as file:
        written = {
            row["patient_id"]: row["subject"] for row in csv.DictReader(file, delimiter="\t")
        }
    assert written == {f"CANARY-ID-{k}": after[f"A{k:04d}"] for k in range(4)}
    assert "CANARY" not in (tmp_path / "grown.tsv").read_text()
    without = ["--out", str(tmp_path / "again.tsv")]
    assert main([str(tmp_path / "grown"), *without]) == 0
    assert subjects_of(tmp_path / "again.tsv") != after  # what the key is for


def test_numbers_go_on_after_the_highest_and_are_never_given_twice() -> None:
    known = {"x": "P009", "y": "HD-100", "z": "P02"}
    found = key.extended(known, ["x", "new", "y", "newer"], prefix="P")
    assert found == known | {"new": "P010", "newer": "P011"}


def test_an_odd_number_survives_the_file(tmp_path: Path) -> None:
    odd = {'12"3': "P001", "a\tb": "P002", "0012": "P003"}
    key.write(tmp_path / "key.tsv", odd)
    assert key.read(tmp_path / "key.tsv") == odd


@pytest.mark.parametrize("place", ["export", "results", "checkout", "nowhere"])
def test_a_key_that_could_travel_is_refused_before_anything_is_written(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    study = tmp_path / "results" / "mine"
    (tmp_path / "export").mkdir()
    for name in ("subjects", "caches", "cohorts/c1/report"):
        (study / name).mkdir(parents=True)
    folders = {
        "export": tmp_path / "export",
        "results": study / "cohorts/c1/report",
        "checkout": CHECKOUT / "config",
        "nowhere": tmp_path / "none",
    }
    path = folders[place] / "key.tsv"
    assert main([str(tmp_path / "export"), "--key", str(path)]) == 1
    said = capsys.readouterr()
    assert "--key" in said.err and not said.out and not path.exists()


@pytest.mark.parametrize(
    "text",
    ["", "patient\tid\n", "subject\tpatient_id\nP1\ta\nP2\ta\n", "subject\tpatient_id\nP1\n"],
)
def test_what_is_no_key_is_refused_and_kept(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"key\.tsv"):
        key.read(path)
    assert path.read_text() == text
