"""label_provenance: the sentence's counts are those of the rows; nothing stated reads so."""

from ricenet.report.label_provenance import label_provenance

ROWS = [
    {"set": of, "label": label, "source": source, "histology": histology, "n": n}
    for of, label, source, histology, n in (
        ("train", "RICE", "biopsy", "mixed", "3"),
        ("train", "RICE", "biopsy", "pure", "20"),
        ("test", "recurrence", "follow-up", "not stated", "2"),
        ("test", "RICE", "not stated", "not stated", "5"),
    )
]


def test_it_counts_by_source_and_names_the_mixed():
    found = label_provenance({"label_provenance": ROWS})
    assert "these 30 patients" in found["sentence"] and found["rows"] == ROWS
    assert "23 biopsy, 2 follow-up, 5 not stated" in found["sentence"]
    assert "one specimen): 3, kept" in found["sentence"] and "of 5 it is" in found["sentence"]


def test_nothing_stated_and_not_made_are_told_apart():
    assert "not stated" in label_provenance({"label_provenance": ROWS[3:]})["sentence"]
    assert label_provenance({})["sentence"] == "Not made, this was not run."
