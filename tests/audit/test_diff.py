"""diff names the first step at which two runs part, and how."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finished_study import Finished
from ricenet.audit import diff, records
from ricenet.provenance import atomic, record


@pytest.fixture
def pair(small_study: Finished, tmp_path: Path) -> tuple[Path, Path]:
    return small_study.root, small_study.copied(tmp_path / "copy").root


def change(root: Path, name: str, edit: Callable[[dict], object]) -> None:
    path = root / name
    content = json.loads(path.read_text())
    edit(content)
    atomic.write_json(path, content | {"seal": record.seal(content)})


def other_output(content: dict) -> None:
    next(iter(content["outputs"].values()))[0]["digest"] = "0" * 64


def divergences(pair: tuple[Path, Path]) -> dict[str, diff.Divergence]:
    return {d.whose: d for d in diff.compare(*map(records.read, pair))}


def test_equal_runs_do_not_differ_whatever_they_took(pair: tuple[Path, Path]) -> None:
    change(pair[1], "subjects/S1/crop.json", lambda r: r.update(seconds=99, threads=3))
    assert divergences(pair) == {}
    assert diff.main([str(folder) for folder in pair]) == 0


def test_order_of_processing(small_study: Finished) -> None:
    study = records.read(small_study.root)
    names = [r.name for r in diff.in_order(study)]
    made = {file: record.name for file, (record, _) in study.outputs().items()}
    for name in names:
        for file, _ in study.records[name].files("inputs"):
            if file.endswith("test-openings.tsv"):
                continue  # no record names the ledger as an output
            assert names.index(made.get(file, file)) < names.index(name)


def test_first_divergence_of_each_subject(pair: tuple[Path, Path]) -> None:
    root = pair[1]
    change(root, "subjects/S1/event_zscored.json", lambda r: r.update(code="0" * 16))
    change(root, "subjects/S1/crop.json", other_output)
    change(root, "subjects/S2/crop.json", lambda r: r["settings"].update(shape=[19, 20, 20]))
    change(root, "subjects/S3/event_native.json", lambda r: r["raw"]["raw"][0].update(digest="0"))
    change(root, "subjects/S3/event_native.json", other_output)
    change(root, "subjects/S4/postop_to-event.json", lambda r: r["versions"].update(antspyx="0.7"))
    change(root, "subjects/S5/dose_native.json",
           lambda r: r["command"].__setitem__(r["command"].index("--row") + 1, "{}"))  # fmt: skip
    found = divergences(pair)
    assert set(found) == {"S1", "S2", "S3", "S4", "S5"}
    s1 = found["S1"]
    assert s1.record == "subjects/S1/event_zscored.json" and s1.content == "subjects/S1/crop.json"
    assert s1.what[0].startswith("code ") and s1.what[0].endswith(" and 0000000000000000")
    assert found["S2"].what == ("settings shape: [20, 20, 20] and [19, 20, 20]",)
    assert found["S2"].content == ""
    assert found["S3"].record == found["S3"].content == "subjects/S3/event_native.json"
    assert found["S3"].what == ("raw data", "outputs")
    assert found["S4"].what == ("version of antspyx: 0.6.3 and 0.7",)
    assert found["S5"].what == ("command",)


def test_what_only_one_run_has(pair: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    (pair[1] / "caches/S4.json").unlink()
    change(pair[1], "cohorts/c1/event/fold-1/model.json", other_output)
    assert diff.main([str(folder) for folder in pair]) == 1
    text = capsys.readouterr().out
    assert "S4: first at caches/S4.json\n    only the first run has it" in text
    assert "cohort c1: first at cohorts/c1/event/fold-1/model.json\n    outputs" in text
    assert diff.main([str(pair[0]), "nowhere"]) == 2
