"""study: what a rule is told about one subject depends on that subject alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ricenet.study.cohort_files import CohortFiles
from ricenet.study.explain_files import ExplainFiles
from ricenet.study.preprocess_files import PreprocessFiles
from ricenet.study.study import Study
from studies import COHORT, CONFIG, ROWS, TWO, make, occlusion, study_values


class Wildcards(SimpleNamespace):
    """As Snakemake hands them over: attributes, and ``get``."""

    def get(self, name: str):
        return getattr(self, name, None)


def w(subject: str = "P1", **names: str) -> Wildcards:
    return Wildcards(subject=subject, **names)


def told(study: Study, subject: str) -> dict:
    """Everything that the rules of one subject's preprocessing ask for."""
    kinds = [w(subject, mri="postop"), w(subject, mri="event"), w(subject, dose="dose")]
    channels = [w(subject, channel=c) for c in ("postop", "event", "dose")]
    registered = w(subject, mri="postop", target="event")
    return {
        "raw": [study.raw.path(x) for x in kinds],
        "digests": [study.raw.digest(x) for x in kinds],
        "row": study.raw.dose_row(w(subject)),
        "transforms": [PreprocessFiles(study).transforms(x) for x in channels],
        "frames": [PreprocessFiles(study).frames(x) for x in channels],
        "masks": PreprocessFiles(study).registration_masks(registered),
        "uncropped": PreprocessFiles(study).uncropped(w(subject)),
        "settings": [study.settings(s) for s in ("register", "crop", "cache")],
        "texts": [study.channels_text, study.kinds_text, study.mri_pattern, study.dose_pattern],
    }


def test_a_subject_is_told_the_same_whoever_else_is_in_the_tables(tmp_path: Path) -> None:
    study = make(tmp_path)
    before = {s: told(study, s) for s in ("P1", "P2")}
    rows, manifest = (
        ["P6\t\traw/P6/a\traw/P6/b\traw/P6/c\traw/P6/d\t33\t"],
        CohortFiles(study).manifest_rows(),
    )
    more = make(tmp_path, rows=[*rows, *reversed(ROWS)])
    assert {s: told(more, s) for s in ("P1", "P2")} == before
    # nor does a new patient move anyone in the cohort
    assert CohortFiles(more).manifest_rows() == manifest and "P6" in more.subjects.index
    fewer = [COHORT[0], *COHORT[1:4]]
    assert told(make(tmp_path, cohort=fewer), "P1") == before["P1"]


def test_ways_to_the_reference_grid(tmp_path: Path) -> None:
    found = told(make(tmp_path), "P1")
    folder = "results/rice-net/subjects/P1"
    assert found["transforms"] == [
        [f"{folder}/postop_to-event.tfm"],
        [],
        [f"{folder}/postop_to-event.tfm", f"{folder}/ct_to-postop.tfm"],
    ]
    assert found["frames"][2] == [f"{folder}/{n}_native.json" for n in ("postop", "event", "ct")]
    assert found["frames"][:2] == [[], []]
    assert found["uncropped"] == [
        f"{folder}/{n}.nii.gz" for n in ("postop_zscored", "event_zscored", "dose_total")
    ]
    study = make(tmp_path)
    assert PreprocessFiles(study).transforms(w("P2", channel="dose"))[1:] == []
    assert not any("ct_" in p for p in PreprocessFiles(study).frames(w("P2", channel="dose")))
    assert PreprocessFiles(study).registration_masks(w(mri="ct", target="postop")) == []
    deformable = PreprocessFiles(make(tmp_path, register=register("syn")))
    assert deformable.transforms(w(channel="postop")) == [f"{folder}/postop_to-event.h5"]


def register(transform: str) -> dict:
    return yaml.safe_load(CONFIG.read_text())["register"] | {"transform": transform}


def test_raw_paths_lead_from_here_to_files_beside_the_table(tmp_path: Path) -> None:
    study = make(tmp_path)
    for name, column in {"a": "postop", "b": "event", "d": "ct"}.items():
        found = Path(study.raw.path(w(mri=column)))
        assert found.resolve() == (tmp_path / "raw" / "P1" / name).resolve()
        assert not found.is_absolute()
    assert (
        Path(study.raw.path(w(dose="dose"))).resolve() == (tmp_path / "raw" / "P1" / "c").resolve()
    )


def test_missing_raw_path_warns_of_subject_and_column_and_not_of_the_path(tmp_path: Path) -> None:
    rows = ["P1\tRICE\traw/P1/a\tCANARY\traw/P1/c\t\t\t", *ROWS[1:]]
    with pytest.warns(UserWarning, match="subject P1: the path in column 'event'") as caught:
        study = make(tmp_path, rows=rows)
    assert len(caught) == 1
    assert "CANARY" not in str(caught[0].message)
    assert study.raw.digest(w("P1", mri="event")) == "missing"
    # an empty cell of an optional column is no missing path, and the others are not stopped
    assert study.raw.digest(w("P2", mri="event")) != "missing"


def test_row_of_the_dose_says_only_what_is_given(tmp_path: Path) -> None:
    study = make(tmp_path)
    assert json.loads(study.raw.dose_row(w("P1"))) == {
        "dose_kind": "per_fraction",
        "fractions": "30",
    }
    assert study.raw.dose_row(w("P2")) == "{}"


def test_study_without_dose(tmp_path: Path) -> None:
    import re

    study = make(tmp_path, channels=TWO, **occlusion("postop-event"))
    assert not any(re.fullmatch(study.dose_pattern, x) for x in ("dose", "", "(?!)", "postop"))
    assert re.fullmatch(study.mri_pattern, "event") and not re.fullmatch(study.mri_pattern, "dose")
    assert study.ablations == ["postop", "event", "postop-event"]
    assert PreprocessFiles(study).uncropped(w())[-1].endswith("event_zscored.nii.gz")
    assert len(CohortFiles(study).models()) == 3 * 2


def test_counts_of_the_whole_study(tmp_path: Path) -> None:
    study = make(tmp_path)
    assert len(CohortFiles(study).models()) == len(set(CohortFiles(study).models())) == 7 * 2
    assert len(CohortFiles(study).test_predictions()) == 7 and study.test_subjects == ["P5"]
    assert ExplainFiles(study).pictures() == [
        "results/rice-net/cohorts/c1/postop-event-dose/occlusion/P5.png"
    ]
    assert CohortFiles(make(tmp_path, cohort=COHORT[:4])).test_predictions() == []


def test_occlusion_of_an_unknown_combination_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"occlusion_map.ablations: \['event-postop'\]"):
        make(tmp_path, **occlusion("event-postop"))


def test_contrast_of_an_unknown_combination_is_refused(tmp_path: Path) -> None:
    section = study_values(tmp_path)["evaluate"]
    wrong = section | {"contrasts": [["postop-event-dose", "ct"]]}
    with pytest.raises(ValueError, match=r"evaluate.contrasts: \['ct'\] are not input"):
        make(tmp_path, evaluate=wrong)
    right = section | {"contrasts": [["postop-event-dose", "dose"]], "prevalences": [0.1]}
    text = make(tmp_path, evaluate=right).settings("evaluate")
    assert json.loads(text)["prevalences"] == [0.1] and "contrasts" in text


def test_memory_of_raw_digests_may_be_lost_or_broken(tmp_path: Path) -> None:
    before = make(tmp_path).raw.digest(w(mri="ct"))
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "digests.json").write_text("{ broken")
    study = make(tmp_path)
    assert study.raw.digest(w(mri="ct")) == before
    (tmp_path / "raw" / "P1" / "d" / "1.dcm").write_text("other content")
    assert study.raw.digest(w(mri="ct")) == before  # one run sees one state
    study = Study(study_values(tmp_path), memory=tmp_path / "memory" / "digests.json")
    assert study.raw.digest(w(mri="ct")) != before
    assert study.raw.digest(w(mri="postop")) == make(tmp_path).raw.digest(w(mri="postop"))


def test_zscored_dose_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="cancels"):
        make(tmp_path, cache={"dose_scaling": "zscore", "dose_scale_gy": 60.0})


def test_a_decision_tells_one_subject_and_an_excluded_one_is_left_out(tmp_path: Path) -> None:
    before = make(tmp_path)
    decisions = "P1\tcrop/brain-voxels-lost\taccept\tAB\trim\nP3\tall\texclude\tCD\twithdrawn\n"
    rows = [*COHORT, "P6\ttrain\t0"]
    six = "P6\trecurrence\traw/P6/a\traw/P6/b\traw/P6/c\t\t\t"
    study = make(tmp_path, rows=[*ROWS, six], cohort=rows, decisions=decisions)
    assert json.loads(PreprocessFiles(study).accepted(w("P1"))) == {
        "crop/brain-voxels-lost": {"who": "AB", "why": "rim"}
    }
    assert (
        PreprocessFiles(study).accepted(w("P2"))
        == PreprocessFiles(before).accepted(w("P2"))
        == "{}"
    )
    assert study.excluded == {"P3": "withdrawn (CD)"}
    for listed in (study.subjects.index, study.cohort.index, CohortFiles(study).reported()):
        assert "P3" not in listed and "P4" in listed
    assert "P3" not in CohortFiles(study).manifest_rows()


@pytest.mark.filterwarnings("error")
def test_withdrawn_subject_leaves_the_manifest_and_the_models_are_named(tmp_path: Path) -> None:
    rows = [ROWS[0], *ROWS[2:], "P6\tRICE\traw/P6/a\traw/P6/b\traw/P6/c\t\t\t"]
    tables = {"rows": rows, "cohort": [*COHORT, "P6\ttrain\t1"], "results": str(tmp_path / "r")}
    tables["decisions"] = "P2\tall\twithdraw\tAB\tconsent\n"
    study = make(tmp_path, **tables)
    assert (
        "P2" not in CohortFiles(study).manifest_rows()
        and "P6" in CohortFiles(study).manifest_rows()
    )
    assert study.excluded == {"P2": "withdrawn: consent (AB)"} and "P2" not in study.subjects.index
    manifest = Path(study.cohort_root) / "manifest.tsv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("subject\tsplit\nP1\ttrain\nP2\ttrain\n")
    with pytest.warns(UserWarning, match=r"cohort c1 were trained with \['P2'\], .* again without"):
        make(tmp_path, **tables)
    manifest.write_text("subject\tsplit\nP1\ttrain\nP20\ttrain\n")
    make(tmp_path, **tables)  # nothing to warn of, and a warning is an error in this test


def test_a_subject_outside_the_cohort_that_failed_is_not_waited_for(tmp_path: Path) -> None:
    study = make(tmp_path, cohort=COHORT[:4], results=str(tmp_path / "results"))
    for subject in ("P1", "P5"):
        note = Path(study.root) / "logs" / subject / "crop.failed.json"
        note.parent.mkdir(parents=True)
        note.write_text(json.dumps({"step": "crop", "place": "P/crop", "why": "x; y"}))
    assert CohortFiles(study).reported() == ["P1", "P2", "P3", "P4"]


def test_records_that_can_hold_a_subject_back(tmp_path: Path) -> None:
    study = make(tmp_path)
    names = {
        p: [Path(x).stem for x in PreprocessFiles(study).quality_records(w(p))]
        for p in ("P1", "P2")
    }
    assert set(names["P1"]) - set(names["P2"]) == {"ct_native", "ct_to-postop"}
    assert {"timeline", "postop_to-event", "dose_total", "event_brain-mask"} < set(names["P2"])
