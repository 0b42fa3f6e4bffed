"""study: what a rule is told about one subject depends on that subject alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ricenet.study import notices
from ricenet.study.cohort_files import CohortFiles
from ricenet.study.explain_files import ExplainFiles
from ricenet.study.preprocess_files import PreprocessFiles
from ricenet.study.study import Study
from studies import COHORT, CONFIG, HEADER, ROWS, TWO, make, occlusion, study_values


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
    assert PreprocessFiles(study).registration_masks(w(mri="ct", target="postop")) == [
        f"{folder}/postop_brain-mask.nii.gz"
    ]
    deformable = PreprocessFiles(make(tmp_path, register=register("syn")))
    assert deformable.transforms(w(channel="postop")) == [f"{folder}/postop_to-event.h5"]


SEQUENCES = [
    {"name": "postop", "kind": "mri", "visit": "v1"},
    {"name": "flair1", "kind": "mri", "visit": "v1", "sequence": "FLAIR"},
    {"name": "event", "kind": "mri", "visit": "v2"},
    {"name": "t2", "kind": "mri", "visit": "v2", "sequence": "T2"},
]


def test_sequences_reach_the_reference_by_way_of_their_visit(tmp_path: Path) -> None:
    header = "subject\tlabel\tpostop\tflair1\tevent\tt2"
    rows = [f"P{k}\t\traw/P{k}/a\traw/P{k}/b\traw/P{k}/c\traw/P{k}/d" for k in (1, 2)]
    chosen = {"channels": SEQUENCES, "input_combinations": ["event-t2"], **occlusion()}
    study = make(tmp_path, header=header, rows=rows, cohort=[], **chosen)
    files, folder = PreprocessFiles(study), "results/rice-net/subjects/P1"
    assert files.transforms(w(channel="flair1")) == [
        f"{folder}/flair1_to-postop.tfm", f"{folder}/postop_to-event.tfm",
    ]  # fmt: skip
    assert files.transforms(w(channel="t2")) == [f"{folder}/t2_to-event.tfm"]
    assert files.sequences(w(mri="flair1", target="postop")) == '["FLAIR","T1ce"]'
    # masks are made of what is like the reference
    assert files.registration_masks(w(mri="flair1", target="postop")) == [
        f"{folder}/postop_brain-mask.nii.gz"
    ]
    records = " ".join(files.quality_records(w()))
    assert "flair1_to-postop.json" in records and "flair1_zscored.json" in records
    assert "event_brain-mask.json" in records and "flair1_brain-mask.json" not in records
    assert json.loads(study.visits_text) == {n["name"]: n["visit"] for n in SEQUENCES}
    assert json.loads(study.enhancement_text) == ["postop", "event"]
    assert (study.sequence(w(mri="t2")), study.sequence(w(mri="ct"))) == ("T2", "")


def test_what_a_channel_declares_counts_in_what_a_cache_follows_from(tmp_path: Path) -> None:
    """Spelled out or left to the default it is the same; another sequence is another image."""
    said = [c | {"visit": c["name"], "sequence": "T1ce"} for c in TWO]
    other = [TWO[1], TWO[0] | {"sequence": "FLAIR"}]
    plain, spelled, flair = (
        make(tmp_path / str(i), channels=c, **occlusion()).preprocessing()
        for i, c in enumerate((TWO, said, other))
    )
    assert plain == spelled != flair


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
    study = make(tmp_path, rows=rows)
    (notice,) = study.notices
    assert notice.startswith("subject P1: the path in column 'event'") and "CANARY" not in notice
    assert study.raw.digest(w("P1", mri="event")) == "missing"
    # an empty cell of an optional column is no missing path, and the others are not stopped
    assert study.raw.digest(w("P2", mri="event")) != "missing"


@pytest.mark.parametrize(
    "place", ["raw/P1/b", "raw/P1/b/", "raw/P2/../P1/b", "raw/link", "{folder}/raw/P1/b"]
)
def test_the_same_raw_data_under_two_ids_are_refused(place: str, tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "raw/link").symlink_to(tmp_path / "raw/P1/b")
    rows = [ROWS[0], ROWS[1].replace("raw/P2/b", place.format(folder=tmp_path)), *ROWS[2:]]
    with pytest.raises(ValueError, match="event of P1 and event of P2 are the same raw data") as e:
        make(tmp_path, rows=rows)
    assert len(str(e.value)) - len(str(tmp_path)) < 400 and "raw/P1" not in str(e.value)
    # left out, it is in nobody's way; nor are the doses that no row names twice
    make(tmp_path, rows=rows, cohort=[], decisions="P2\tall\texclude\tAB\tthe same patient\n")


def test_one_folder_for_two_visits_of_a_patient_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [ROWS[0].replace("raw/P1/b", "raw/P1/a"), *ROWS[1:]]
    with pytest.raises(ValueError, match="postop and event of P1 are the same raw data"):
        make(tmp_path, rows=rows)


def test_one_folder_of_all_patients_with_a_series_each_is_right(tmp_path: Path) -> None:
    """So some systems export, and so ``ricenet scan`` writes it."""
    header = "subject\tlabel\tpostop\tevent\tdose\tpostop_series\tevent_series"
    rows = [f"P{k}\t\traw/P1/a\traw/P1/a\traw/P{k}/c\t{k:08x}\t{k + 8:08x}" for k in (1, 2)]
    make(tmp_path)
    (tmp_path / "subjects.tsv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "c1.tsv").write_text("subject\tsplit\tfold\n")
    values = study_values(tmp_path)
    assert len(Study(values, memory=tmp_path / "memory").subjects) == 2
    rows[1] = rows[1].replace("0000000a", "00000009")
    (tmp_path / "subjects.tsv").write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(ValueError, match="event of P1 and event of P2"):
        Study(values, memory=tmp_path / "memory")


def test_a_copy_under_another_id_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_said", set())
    study = make(tmp_path)
    (tmp_path / "raw/P2/b/1.dcm").write_text((tmp_path / "raw/P1/b/1.dcm").read_text())
    for subject in ("P1", "P2", "P3"):
        study.raw.digest(w(subject, mri="event"))
    (said,) = caplog.messages
    assert "event of P1 and event of P2 hold the same files" in said


def test_a_fold_without_a_class_is_refused_and_may_be_extended(tmp_path: Path) -> None:
    """P1, P2 are RICE, P3, P4 recurrence: fold 1 has no RICE, or loses it by a decision."""
    rows = ["P1\ttrain\t0", "P2\ttrain\t0", *COHORT[2:]]
    with pytest.raises(ValueError, match=r"folds \[1\] have no training subject with label RICE"):
        make(tmp_path, cohort=rows)
    six = [*ROWS, "P6\tRICE\traw/P6/a\traw/P6/b\traw/P6/c\t\t\t"]
    make(tmp_path, rows=six, cohort=[*rows, "P6\ttrain\t1"])
    with pytest.raises(ValueError, match=r"folds \[1\] .* that is not excluded"):
        decisions = "P6\tall\texclude\tAB\tartefacts\n"
        make(tmp_path, rows=six, cohort=[*rows, "P6\ttrain\t1"], decisions=decisions)


def test_row_of_the_dose_says_only_what_is_given(tmp_path: Path) -> None:
    study = make(tmp_path)
    assert json.loads(study.raw.dose_row(w("P1"))) == {
        "dose_kind": "per_fraction",
        "fractions": "30",
    }
    assert study.raw.dose_row(w("P2")) == "{}"


def test_study_without_dose(tmp_path: Path) -> None:
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
    pictures = ExplainFiles(study).pictures()
    assert len(pictures) == len(set(pictures)) == 7
    assert "results/rice-net/cohorts/c1/postop-event-dose/occlusion/P5.png" in pictures
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
    study = make(tmp_path, cache={"dose_scaling": "zscore", "dose_scale_gy": 60.0})
    assert ["cancels" in notice for notice in study.notices] == [True]


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
    manifest = Path(study.at("manifest"))
    manifest.parent.mkdir(parents=True)
    manifest.write_text("subject\tsplit\nP1\ttrain\nP2\ttrain\n")
    (notice,) = make(tmp_path, **tables).notices
    assert re.search(r"cohort c1 were trained with \['P2'\], .* again without", notice)
    manifest.write_text("subject\tsplit\nP1\ttrain\nP20\ttrain\n")
    assert make(tmp_path, **tables).notices == []


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


MASKED = [
    {"name": "postop", "kind": "mri"},
    {"name": "event", "kind": "mri"},
    {"name": "dose", "kind": "dose"},
    {"name": "gtv", "kind": "mask", "of": "event", "values": [2], "volume_ml": [1, 600]},
]


def with_masks(folder: Path, **cells: str) -> Study:
    """A study with masks of P1 and P3; ``cells`` are those of P1."""
    cell = {"gtv": "raw/P1/a", "gtv_on": "", "gtv_name": ""} | cells
    ends = {"P1": "\t".join(cell.values()), "P3": "raw/P3/a\t\t"}
    rows = [f"{row}\t{ends.get(row[:2], '')}" for row in ROWS]
    header = f"{HEADER}\tgtv\tgtv_on\tgtv_name"
    return make(folder, rows=rows, header=header, channels=MASKED)


def test_a_subject_without_a_mask_goes_on_without(tmp_path: Path) -> None:
    """It is told what it was told before; of the others, the gate alone asks for more."""
    plain, study = make(tmp_path / "plain"), with_masks(tmp_path / "masked")
    for subject in ("P1", "P2"):
        before, now = (json.dumps(told(s, subject)) for s in (plain, study))
        assert before.replace("plain", "") == now.replace("masked", "")
    assert study.channels == plain.channels and study.ablations == plain.ablations
    records = {s: PreprocessFiles(study).quality_records(w(s)) for s in ("P1", "P2")}
    assert records["P2"] == PreprocessFiles(plain).quality_records(w("P2"))
    assert records["P1"][-2:] == [
        study.at("native_record", subject="P1", channel="gtv"),
        study.at("registered_record", subject="P1", channel="gtv"),
    ]
    assert (
        PreprocessFiles(study).outlines(w("P2"))
        == []
        == json.loads(PreprocessFiles(study).outline_names(w("P2")))
    )
    assert study.preprocessing() == plain.preprocessing()


def test_a_mask_follows_the_image_that_it_was_drawn_on(tmp_path: Path) -> None:
    files = PreprocessFiles(with_masks(tmp_path / "event"))
    gtv = w("P1", mask="gtv")
    assert files.mask_image(gtv).endswith("P1/event_native.nii.gz")
    assert files.mask_transforms(gtv) == [] and files.mask_links(gtv) == "[]"
    files = PreprocessFiles(with_masks(tmp_path / "ct", gtv_on="ct", gtv_name="#2; GTV"))
    names = [Path(path).name for path in files.mask_transforms(gtv)]
    assert names == ["ct_to-postop.tfm", "postop_to-event.tfm"]
    assert json.loads(files.mask_links(gtv)) == [["ct", "postop"], ["postop", "event"]]
    assert json.loads(files.study.raw.mask_row(gtv)) == {
        "channel": "gtv", "name": "#2; GTV", "values": [2], "volume_ml": [1, 600],
    }  # fmt: skip
    assert files.study.raw.image_path(gtv).endswith("raw/P1/d")


@pytest.mark.parametrize("image", ["flair", "dose", "gtv"])
def test_a_mask_on_an_image_that_is_not_there_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(ValueError, match=rf"subject P1: gtv was drawn on '{image}'.*'gtv_on'"):
        with_masks(tmp_path, gtv_on=image)


def test_a_mask_whose_path_is_missing_is_warned_of(tmp_path: Path) -> None:
    (notice,) = with_masks(tmp_path, gtv="raw/nowhere").notices
    assert notice.startswith("subject P1: the path in column 'gtv'")
