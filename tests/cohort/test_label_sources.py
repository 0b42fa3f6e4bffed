"""label_sources: how labels are known is read, refused where impossible, and counted."""

import pytest

from ricenet.cohort import label_sources
from simulated_predictions import manifest
from studies import COHORT, HEADER, ROWS, make


def rows(*told: str) -> list[str]:
    """Rows of a subjects table with both columns; the first subjects' are told."""
    return [f"{row}\t{told[i] if i < len(told) else chr(9)}" for i, row in enumerate(ROWS)]


def study(folder, *told: str, **changes):
    header = f"{HEADER}\tlabel_source\thistology"
    return make(folder, rows=rows(*told), header=header, results=str(folder / "r"), **changes)


def test_without_the_columns_everything_is_as_before(tmp_path):
    plain, told = make(tmp_path / "a", results="x"), study(tmp_path / "b")
    assert list(plain.cohort.index) == list(told.cohort.index)
    assert label_sources.by_subject(plain.subjects) == {} == label_sources.by_subject(told.subjects)


def test_mixed_cases_stay_or_are_left_out_with_the_reason(tmp_path):
    six = [*COHORT, "P6\ttrain\t0"]
    told = ("biopsy\tpure", "resection\tmixed", "follow-up\t")
    kept = study(tmp_path / "a", *told)
    assert "P2" in kept.subjects.index and kept.excluded == {}
    assert label_sources.by_subject(kept.subjects)["P2"] == ["resection", "mixed"]
    lines = [*rows(*told), ROWS[1].replace("P2", "P6") + "\t\t"]
    left = make(
        tmp_path / "b", rows=[line.replace("P6\tRICE", "P6\tRICE") for line in lines],
        header=f"{HEADER}\tlabel_source\thistology", cohort=[*six[:-1], "P6\ttrain\t1"],
        mixed_histology="exclude", results=str(tmp_path / "r"),
    )  # fmt: skip
    assert "mixed histology" in left.excluded["P2"] and "P2" not in left.cohort.index


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("autopsy\t", r"label_source \{'P1': 'autopsy'\} not among \['biopsy'"),
        ("biopsy\tunclear", r"histology \{'P1': 'unclear'\} not among \['pure', 'mixed'\]"),
        ("follow-up\tmixed", r"\['P1'\] have a histology and label_source 'follow-up'"),
    ],
)
def test_words_that_are_unknown_or_impossible_are_refused(tmp_path, told, why):
    with pytest.raises(ValueError, match=why):
        study(tmp_path, told)


def test_counts_add_up_to_the_cohort():
    cohort = manifest()
    known = {"S000": ["biopsy", "mixed"], "S001": ["biopsy", "mixed"], "T000": ["follow-up", ""]}
    table = label_sources.counts(cohort, known)
    assert table["n"].sum() == len(cohort) == 92
    by_hand = {("train", 1, "biopsy", "mixed"): 2, ("test", 1, "follow-up", "not stated"): 1}
    told = table[table["source"] != "not stated"]
    found = {tuple(row[:4]): row[4] for row in told.itertuples(index=False)}
    assert found == by_hand
