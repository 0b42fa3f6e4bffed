"""The whole page of drawn cohorts of 6 to 92 patients: no figure that fools a reader."""

from __future__ import annotations

import json
import re

import pytest

from html_pages import Page
from ricenet.provenance import tsv
from ricenet.statistics import wording
from simulated_report import page

TWO = {"dose": 1.5, "event-dose": 2.0}
COHORTS = {
    "6": {"train": 4, "test": 2, "folds": 2},
    "12": {"train": 10, "test": 2, "folds": 2, "seed": 3},
    "92": {},
    "92, constant": {"constant": True},
}
NUMBER = r"-?\d\.\d+"


FEW = ("6", "12")  # no set has ten patients of each class
LONG = ("12", "92, constant")
NAMES = [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in COHORTS]


@pytest.fixture(scope="module", params=NAMES)
def found(request, tmp_path_factory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("page")
    return request.param, page(folder, skills=TWO, **COHORTS[request.param])


def test_no_interval_has_a_width_of_zero(found) -> None:
    pairs = re.findall(rf"({NUMBER}) to ({NUMBER})", found[1])
    assert (len(pairs) > 40 or found[0] in FEW) and all(
        float(low) < float(high) for low, high in pairs
    )


def test_no_more_digits_than_so_many_patients_support(found) -> None:
    """In cells that say their n, and in what marks of a plot say."""
    cells = re.findall(
        rf'title="n (\d+);[^"]*">({NUMBER})<small>({NUMBER}) to ({NUMBER})', found[1]
    )
    marks = re.findall(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)[^<;]*n = (\d+)", found[1])
    assert (cells and marks) or found[0] in FEW
    for n, *numbers in [*cells, *((m[3], *m[:3]) for m in marks)]:
        assert all(len(x.partition(".")[2]) <= wording.digits(int(n)) for x in numbers)


def test_the_page_is_whole_and_fetches_nothing(found) -> None:
    text = found[1]
    read = Page(text)
    assert read.open == [] and "nan" not in re.findall(r"\b\w+\b", text.lower())
    assert {link.removeprefix("#") for link in read.links} <= read.ids
    assert set(re.findall(r"url\(([^)]*)", text)) <= {f"#{name}" for name in read.ids}
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "form"}
    pictures = [values for tag, values in read.tags if tag in ("svg", "img")]
    assert pictures and all(v.get("aria-label") or v.get("alt") for v in pictures)


def test_what_cannot_be_said_stands_on_page_one(found) -> None:
    name, text = found
    top = text[text.index('id="verdict"') : text.index('id="board"')]
    assert "Other hospitals, scanners and labels: not tested" in top
    assert "No plan on record: every figure on this page is after the fact." in top
    if name in FEW:
        assert "Nothing is shown by these patients" in top and "✓" not in top
    if name == "92, constant":
        assert (
            "2 input combinations classify every patient as recurrence; 0 of 32 RICE recognised"
            in top
        )
        assert "probabilities: AUC within folds" in top and "described, not counted" in top
        assert "✓" not in top  # a network that makes no use of its inputs has shown nothing
    assert ".." not in top and "right Whether" not in top
    assert "no performance" in top  # of the test set in each of them


def test_no_area_of_few_patients_has_an_interval(found) -> None:
    """In words, cells and plots: one of ten and more has, one of fewer says that it has none."""
    name, text = found
    areas = re.findall(r"AUC[^<>]{0,40} \d\.\d+ \(", text)
    assert bool(areas) == (name in ("92", "92, constant"))
    assert "no interval: fewer than 10 patients of a class" in text  # of the test set in each
    assert "Synthetic patients, made by a program" in text[: text.index('id="verdict"')]


def test_nothing_published_stands_beside_synthetic_patients(found) -> None:
    assert "published, " not in found[1] and ">published<" not in found[1]
    assert "Nothing published stands beside synthetic patients." in found[1]


def test_no_sentence_promises_more_than_is_on_record(found) -> None:
    name, text = found
    assert "fixed beforehand" not in text and "not chosen by these figures" not in text
    assert "out of fold by the cohort file" in text and "and not from this study" not in text
    if name not in FEW:  # a missed recurrence may be held to be nine times worse
        assert '<td class="n">0.9</td>' in text


def test_the_files_beside_the_page_are_written_and_the_same_again(tmp_path) -> None:
    cohort = {"train": 4, "test": 2, "folds": 2, "skills": TWO}
    first = page(tmp_path / "a", **cohort)
    assert page(tmp_path / "b", **cohort) == first
    folder = tmp_path / "a" / "cohorts" / "c1" / "report"
    sheet = tsv.read(folder / "reporting-sheets.tsv")
    assert sheet.groupby("sheet").size().to_dict() == {"CLAIM 2024": 44, "TRIPOD+AI": 52}
    # nothing was run but the evaluation: no record says how anything was trained
    made = sheet.set_index(["sheet", "number"])["from_records"]
    assert (
        made["CLAIM 2024", "25"] == made["TRIPOD+AI", "9c"] == "no record"
        and "none" in made["CLAIM 2024", "33"]
    )
    assert "not stated" in (folder / "model-card.md").read_text()
    # what the evaluation's own tables show is no "no record"
    assert "McNemar" not in made["CLAIM 2024", "29"] and "Buehler" in made["CLAIM 2024", "29"]
    assert made["CLAIM 2024", "21"].startswith("No record of the intended size. Reached: 4 ")
    assert "kept to it is not on record" in made["CLAIM 2024", "19"]
    assert "No record of the training" in made["TRIPOD+AI", "12c"]
    assert "majority vote" in made["CLAIM 2024", "27"].lower()
    assert "none by age" in made["TRIPOD+AI", "14"] and "scanner" not in made["TRIPOD+AI", "14"]
    methods = (folder / "methods.md").read_text()
    assert "Adam" not in methods and "Buehler" in methods
    assert "No contrast between input combinations was tested." in methods
    record = json.loads((folder / "report.json").read_text())
    assert set(record["outputs"]) == {"out", "sheets", "methods", "card"}
