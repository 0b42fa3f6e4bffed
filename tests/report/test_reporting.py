"""reporting: texts come from records of what was run, and from people; nothing is made up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ricenet.provenance.steps import NETWORKS
from ricenet.report import (
    known,
    methods,
    methods_of_results,
    page,
    records,
    reporting,
    sheet_facts,
    sheets,
    statements,
)
from ricenet.report.references import REFERENCES
from ricenet.study import layout

ROOT = Path(__file__).parents[2]
VERDICT = {"can": [], "cannot": [], "without_plan": True}


def write(root: Path, name: str, step: str, settings: dict, facts: dict, **more: Any) -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    versions = {"SimpleITK": "2.5.7", "torch": "2.13.0"}
    content = {"step": step, "settings": settings, "facts": facts, "checks": [], **more}
    content |= {"versions": versions, "seconds": 1800.0}
    path.write_text(json.dumps(content))
    return name


def study(root: Path) -> list[str]:
    """Records of two patients of the cohort, of one who left, and of another cohort."""
    names = []
    for subject, spacing in (("P1", 1.0), ("P2", 1.0), ("GONE", 9.0)):
        place = f"subjects/{subject}/event_isotropic.json"
        settings = {"spacing_mm": spacing, "interpolator": "bspline"}
        names.append(write(root, place, "resample", settings, {}))
        facts = {"maximum_gy": 60.0 if subject == "P1" else 54.0}
        total = {"quantity": "physical", "mask_dose": True, "alpha_beta_gy": 2.0}
        names.append(write(root, f"subjects/{subject}/dose_total.json", "total_dose", total, facts))
    train = {"epochs": 100, "batch_size": 4, "learning_rate": 1e-4, "weight_decay": 0.0, "seed": 1}
    train |= {"model": {"stem_stride": 2, "width": 1.0}, "augmentation": {"probability": 0.5}}
    for cohort, fold in (("c1", 0), ("c1", 1), ("c2", 0)):
        facts = {"model": {"ablation": "dose", "fold": fold, "in_channels": 1}, "device": "cpu"}
        place = f"cohorts/{cohort}/dose/fold-{fold}/model.json"
        names.append(write(root, place, "train_model", train, facts))
    return [*names, "subjects/P1/lost.json"]


def known_of(root: Path, names: list[str]) -> known.Known:
    runs = records.read(root, names, subjects={"P1", "P2"}, cohort="c1")
    rows = [{"subject": "P1", "split": "train", "fold": "0", "label": "1"},
            {"subject": "P2", "split": "train", "fold": "1", "label": "0"}]  # fmt: skip
    return known.Known(runs, [], rows, {}, "", VERDICT, {}, "5eed")


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> reporting.Reporting:
    root = tmp_path_factory.mktemp("study")
    return reporting.reporting(known_of(root, study(root)), {"title": "A <b> study"})


def test_methods_say_what_was_run_and_nothing_else(texts) -> None:
    text = " ".join(texts.methods.paragraphs)
    assert "isotropic voxels of 1.0 mm (bspline, SimpleITK 2.5.7 [3])" in text  # not 9, of who left
    assert "2 networks were trained" in text and "over 100 epochs in batches of 4" in text
    assert "resnet18" in text and "PyTorch 2.13.0" in text
    for absent in ("registered by", "Brains", "HD-BET", "test patients", "Occlusion", "McNemar"):
        assert absent not in text
    cited = {int(n) for n in re.findall(r"\[(\d+)", text)}
    assert max(cited) <= len(texts.methods.references)
    assert not [line for line in texts.methods.references if "Avants" in line]


def test_a_step_that_ran_and_made_nothing_is_not_mentioned(tmp_path) -> None:
    """Below ten patients of a class no probe is fitted and no calibration is seen."""
    names = [
        write(tmp_path, f"cohorts/c1/evaluation/{name}.json", step, {}, {"not_made": []})
        for name, step in (("probes", "probes"), ("calibration", "calibrate"))
    ]
    runs = records.read(tmp_path, names, subjects=(), cohort="c1")
    nothing = {"note": "not made: too few", "group": "scanner"}
    for note, said in (("not made: too few", False), ("", True)):
        rows = [nothing, {**nothing, "note": note}]
        tables = dict.fromkeys(("probes", "calibration", "decision", "conformal"), rows)
        text = " ".join(methods.methods(runs, tables).paragraphs)
        for words in ("Logistic regression", "Calibration", "Decision", "conformal"):
            assert (words in text) == said
        assert ("on 1 group of" in text) == said


def test_a_setting_that_differs_is_told_with_its_runs(tmp_path) -> None:
    names = study(tmp_path)
    runs = records.read(tmp_path, names, subjects={"P1", "GONE"}, cohort="c1")
    assert runs.setting("resample", "spacing_mm") == "1.0 (1 runs), 9.0 (1 runs)"


def test_the_trainings_of_controls_are_no_networks_of_the_study(tmp_path) -> None:
    names = study(tmp_path)
    place = layout.path(
        "control_model_record", cohort="c1", control="permutation-0001", ablation="postop", fold=0
    )
    names.append(write(tmp_path, place, "train_model", {}, {"model": {"ablation": "postop"}}))
    runs = records.read(tmp_path, names, subjects={"P1", "P2"}, cohort="c1")
    assert len(runs.of("train_model")) == 2


def test_sheets_are_filled_where_a_record_says_it(texts) -> None:
    by_item = {(i.sheet, i.number): i for i in texts.sheets}
    assert len(by_item) == len(texts.sheets) == 44 + 52
    assert by_item["CLAIM 2024", "1"].stated == "A <b> study"
    assert by_item["CLAIM 2024", "2"] == ("CLAIM 2024", "2", by_item["CLAIM 2024", "2"].item, "",
                                          "not stated")  # fmt: skip
    assert "RICE (n = 1): maximum dose 60.0 Gy" in by_item["CLAIM 2024", "36"].from_records
    assert "1.0 hours" in by_item["CLAIM 2024", "25"].from_records
    assert by_item["CLAIM 2024", "37"].from_records == "no record"  # nothing was evaluated
    assert by_item["TRIPOD+AI", "27a"].from_records == "no record"
    assert by_item["CLAIM 2024", "3"].stated == "not stated"
    assert "[@" not in " ".join(i.from_records for i in texts.sheets)


def test_two_statements_of_which_one_lacks(tmp_path) -> None:
    facts = sheet_facts.facts(known_of(tmp_path, []))
    (item,) = [
        i for i in sheets.filled(facts, {"background": "So."}) if i[:2] == ("CLAIM 2024", "3")
    ]
    assert item.stated == "So. not stated (intended use)"


def test_every_key_is_known_and_the_template_has_them_all() -> None:
    rows = [row for sheet in sheets.SHEETS for row in sheets.items(sheet)]
    known_facts = {*sheet_facts.FACTS, *sheet_facts.ALWAYS}
    assert {row["facts"] for row in rows} - {""} == known_facts
    wanted = {key.strip() for row in rows for key in row["statements"].split(",")} - {""}
    assert wanted == set(statements.KEYS)
    template = ROOT / "config/reporting.yaml"
    assert list(yaml.safe_load(template.read_text())) == list(statements.KEYS)
    assert statements.read(template) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [("titel: x", "unknown keys"), ("- x", "expected lines"), ("title: 7", "no text")],
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path, text: str, why: str) -> None:
    path = tmp_path / "reporting.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=why):
        statements.checked(str(path))
    assert statements.checked(None) == ([], "")


def test_citations_are_all_known(texts) -> None:
    assert methods.methods(records.Runs([]), {}).references  # without any run
    assert all(texts.methods.references)


def test_every_network_is_cited():
    assert set(NETWORKS) <= set(REFERENCES)


def test_methods_tell_the_contrasts_that_were_tested_and_why_others_were_not() -> None:
    rows = [{"set": "validation", "few": False, "same": ""}] * 6
    rows += [{"set": "test", "few": True, "same": ""}] * 6
    text = methods_of_results.of_contrasts(rows)
    assert "[@maxt]: 6 of cross-validated patients." in text and "6 were not, as there" in text
    alike = methods_of_results.of_contrasts([{**rows[0], "same": "same call for all"}])
    assert alike.startswith("No contrast") and "everybody the same answer" in alike
    assert methods_of_results.of_contrasts([]) == ""


def test_items_that_no_record_answers_are_not_counted_as_answered() -> None:
    class Shown(NamedTuple):
        sheet: str
        number: str
        item: str
        from_records: str
        stated: str

    items = [
        Shown("S", "1", "i", "", "not stated"), Shown("S", "2", "i", "no record", ""),
        Shown("S", "3", "i", "No record of the size. Reached: 4", ""),
        Shown("S", "4", "i", "Adam", "By us."),
    ]  # fmt: skip
    nothing = {"paragraphs": [], "references": []}
    content = {"methods": nothing, "card": [], "stated": 0, "sheets": items}
    text = page.render("reporting.html.j2", {"reporting": content})
    assert "1 of 4 items have an answer from records, 1 from people" in text
