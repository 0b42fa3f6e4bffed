"""tables: nothing that could hurt or mislead gets past the reader."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from ricenet.cohort import tables
from ricenet.cohort.tables import read_cohort, read_subjects

CHANNELS = ("postop", "event", "dose")
HEADER = "subject\tlabel\tpostop\tevent\tdose\tfractions\tdose_kind\tdose_units"


def subjects_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "subjects.tsv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8", newline="")
    return path


def row(subject: str = "P1", label: str = "RICE", rest: str = "30\ttotal\tGy") -> str:
    return f"{subject}\t{label}\ta\tb\tc\t{rest}"


def test_table_is_read_as_text(tmp_path: Path) -> None:
    path = subjects_file(tmp_path, row("007"), row("NA", "", "\t\t"), row("1e5", "recurrence"))
    table = read_subjects(path, CHANNELS)
    assert list(table.index) == ["007", "NA", "1e5"]
    assert list(table["label"]) == ["RICE", "", "recurrence"]
    assert table.loc["007", "fractions"] == "30" and table.loc["NA", "ct"] == ""


@pytest.mark.parametrize(
    "subject",
    [
        "a;touch x", "$(x)", "`x`", "../../x", "a/b", "-rf", ".hidden", "", "a b", "a|b", "{x}",
        "a'b", '"', "a\u00e4", "a_b", "a.b", "*", "x" * 64, "x" * 300, "a\x00b", "a\x0bb",
        "a\u2028b",
    ],
)  # fmt: skip
def test_dangerous_id_is_refused(subject: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"subject ids \[.*\] are not allowed"):
        read_subjects(subjects_file(tmp_path, row(), row(subject)), CHANNELS)


def test_long_id_is_shown_short(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        read_subjects(subjects_file(tmp_path, row("x" * 3000)), CHANNELS)
    assert len(str(caught.value)) < 400


def test_line_break_in_an_id_is_refused_even_in_quotes(tmp_path: Path) -> None:
    for subject in ('"P1\nP2"', "P1\nP2", "P1\rP2"):
        with pytest.raises(ValueError, match=r"not allowed|is empty for \['P1'\]"):
            read_subjects(subjects_file(tmp_path, row(subject)), CHANNELS)


def test_longest_id_is_allowed(tmp_path: Path) -> None:
    assert list(read_subjects(subjects_file(tmp_path, row("x" * 63)), CHANNELS).index) == ["x" * 63]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(), row("P2"), row()], r"\['P1'\] have more than one row"),
        ([row(label="tumour")], r"label \{'P1': 'tumour'\} not among \['recurrence', 'RICE'\]"),
        ([row(label="rice")], "label .*'rice'"),
        (["P1\tRICE\ta\t\tc"], r"column 'event' is empty for \['P1'\]"),
        ([row(rest="-3\t\t")], r"fractions of \['P1'\]"),
        ([row(rest="30.5\t\t")], r"fractions of \['P1'\]"),
        ([row(rest="0\t\t")], r"fractions of \['P1'\]"),
        ([row(rest="30\tsingle\t")], "dose_kind .*'single'"),
        ([row(rest="30\ttotal\tmGy")], "dose_units .*'mGy'"),
        ([row() + "\tsurplus"], r"rows \['P1'\] have more cells than the 8 columns"),
        ([row() + "\t", row("P2") + "\t"], "more cells"),
    ],
)
def test_wrong_row_is_refused(rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"subjects\.tsv: .*{message}"):
        read_subjects(subjects_file(tmp_path, *rows), CHANNELS)


def test_ids_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    path = subjects_file(tmp_path, row("Ab-1"), row("c"), row("aB-1"))
    with pytest.raises(ValueError, match=r"\['Ab-1', 'aB-1'\] differ only in upper and lower case"):
        read_subjects(path, CHANNELS)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("subject\tlabel\tpostop\tevent", r"columns missing: \['dose'\]"),
        ("subject\tlabel\tpostop\tevent\tdose\tname", r"columns unknown: \['name'\]"),
        ("subject\tlabel\tpostop\tevent\tdose\tdose", "not all different"),
    ],
)
def test_wrong_columns_are_refused(header: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_subjects(subjects_file(tmp_path, header=header), CHANNELS)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"# only a comment\n\n", "empty"), (b"\xff\xfe\x00s", "not a text file")],
)
def test_useless_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_subjects(tmp_path / "t.tsv", CHANNELS)
    with pytest.raises(ValueError, match="no such table"):
        read_subjects(tmp_path / "other.tsv", CHANNELS)


def test_what_editors_do_to_a_table_is_understood(tmp_path: Path) -> None:
    """A byte order mark, line ends of Windows, blank lines, empty cells dropped at the end."""
    rows = ["# a comment", "", "P1 \tRICE\ta\tb\tc", row("P2")]
    path = subjects_file(tmp_path, *rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    table = read_subjects(path, CHANNELS)
    assert list(table.index) == ["P1", "P2"] and table.loc["P1", "fractions"] == ""


@pytest.mark.parametrize("name", ["scan#2/postop", "it's", '"quoted" folder', "a b"])
def test_raw_path_is_taken_as_written(name: str, tmp_path: Path) -> None:
    """A reader of tables that cuts at # or pairs quotes would take another folder."""
    path = subjects_file(tmp_path, f"P1\tRICE\t{name}\tb\tc", row("P2"))
    table = read_subjects(path, CHANNELS)
    assert table.loc["P1", "postop"] == name and len(table) == 2


def test_columns_of_unused_channels_are_let_through(tmp_path: Path) -> None:
    table = read_subjects(subjects_file(tmp_path, "P1\t\ta\tb\t"), ("postop", "event"))
    assert table.loc["P1", "event"] == "b"


# --- cohort --------------------------------------------------------------------------------------

GOOD = ["P1\ttrain\t0", "P2\ttrain\t1", "P3\ttrain\t0", "P4\ttrain\t1", "P5\ttest\t"]
LABELS = {"P1": "RICE", "P2": "RICE", "P3": "recurrence", "P4": "recurrence", "P5": "RICE"}


def cohort(folder: Path, rows: list[str], **labels: str):
    known = LABELS | labels
    path = subjects_file(folder, *(row(s, label) for s, label in known.items()))
    (folder / "c1.tsv").write_text("\n".join(["subject\tsplit\tfold", *rows]) + "\n")
    return read_cohort(folder / "c1.tsv", read_subjects(path, CHANNELS))


def test_cohort(tmp_path: Path) -> None:
    found = cohort(tmp_path, GOOD)
    assert found[["split", "fold", "label"]].to_dict("index") == {
        "P1": {"split": "train", "fold": 0, "label": 1},
        "P2": {"split": "train", "fold": 1, "label": 1},
        "P3": {"split": "train", "fold": 0, "label": 0},
        "P4": {"split": "train", "fold": 1, "label": 0},
        "P5": {"split": "test", "fold": -1, "label": 1},
    }
    # order of rows and a test fold dropped by an editor change nothing for a subject
    again = cohort(tmp_path, ["P5\ttest", *reversed(GOOD[:4])])
    assert again.sort_index().equals(found)


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([*GOOD, "P9\ttrain\t0"], {}, r"\['P9'\] are not in the subjects table"),
        ([*GOOD, "P1\ttest\t"], {}, r"\['P1'\] have more than one row"),
        (GOOD, {"P2": ""}, r"\['P2'\] have no label"),
        (GOOD, {"P5": ""}, r"\['P5'\] have no label"),
        (["P1\ttrain\t", *GOOD[1:]], {}, r"training subjects \['P1'\] have no fold"),
        (["P1\ttrain\tx", *GOOD[1:]], {}, r"training subjects \['P1'\] have no fold"),
        (["P1\ttrain\t-1", *GOOD[1:]], {}, r"training subjects \['P1'\] have no fold"),
        ([*GOOD[:4], "P5\ttest\t1"], {}, r"test subjects \['P5'\] have a fold"),
        ([*GOOD[:4], "P5\tvalidation\t"], {}, r"split of \['P5'\]"),
        (["P1\ttrain\t2", "P3\ttrain\t2", *GOOD[1:2], *GOOD[3:]], {}, r"folds are \[1, 2\]"),
        (["P1\ttrain\t0", "P3\ttrain\t0"], {}, r"folds are \[0\]; .* at least two"),
        (GOOD, {"P3": "RICE"}, "1 training subjects with label recurrence for 2 folds"),
        (GOOD[1:], {}, "1 training subjects with label RICE for 2 folds"),
    ],
)
def test_wrong_cohort_is_refused(
    rows: list[str], labels: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"c1\.tsv: .*{message}"):
        cohort(tmp_path, rows, **labels)


def test_withdrawn_subject_leaves_the_cohort_and_its_row_stays_in_the_file(tmp_path: Path) -> None:
    subjects = pd.DataFrame({"label": LABELS}).drop(index="P5")
    (tmp_path / "c1.tsv").write_text("\n".join(["subject\tsplit\tfold", *GOOD]) + "\n")
    with pytest.raises(ValueError, match=r"\['P5'\] are not in .* all, withdraw, who, why"):
        read_cohort(tmp_path / "c1.tsv", subjects)
    assert list(read_cohort(tmp_path / "c1.tsv", subjects, ["P5"]).index) == [
        "P1",
        "P2",
        "P3",
        "P4",
    ]


def test_shipped_tables_are_readable() -> None:
    folder = Path(__file__).parents[2] / "config"
    assert len(read_subjects(folder / "subjects.tsv", CHANNELS)) == 0
    subjects = read_subjects(folder / "demo" / "subjects.tsv", CHANNELS)
    read = read_cohort(folder / "demo" / "cohorts" / "demo.tsv", subjects)
    assert set(read["label"]) == set(tables.LABELS.values())


def test_cohort_without_rows_waits_for_folds(tmp_path: Path) -> None:
    table = tmp_path / "c.tsv"
    table.write_text("subject\tsplit\tfold\n")
    subjects = pd.DataFrame({"subject": [], "label": []})
    assert read_cohort(table, subjects).empty


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_what_pandas_and_spreadsheets_write_is_read(
    separator: str, quoting: int, tmp_path: Path
) -> None:
    """Pandas makes fractions and folds numbers with a point where some of them are missing."""
    ids = [f"P{number}" for number in range(6)]
    path = tmp_path / "subjects.csv"
    table = pd.DataFrame({
        "subject": ids, "label": ["RICE", "recurrence"] * 3, "postop": "a, b", "event": "b; c",
        "dose": "c", "fractions": [30.0, None, 5, 30, 30, 30], "dose_plan": [None] * 6,
    })  # fmt: skip
    table.to_csv(path, sep=separator, index=False, quoting=quoting)
    found = read_subjects(path, CHANNELS)
    assert list(found["fractions"]) == ["30", "", "5", "30", "30", "30"]
    assert set(found["postop"]) == {"a, b"} and set(found["event"]) == {"b; c"}

    path = tmp_path / "c1.csv"
    folds = [0.0, 0, 1, 1, None, None]
    table = pd.DataFrame({"subject": ids, "split": ["train"] * 4 + ["test"] * 2, "fold": folds})
    table.to_csv(path, sep=separator, index=False, quoting=quoting)
    assert list(read_cohort(path, found)["fold"]) == [0, 0, 1, 1, -1, -1]


def test_a_cell_over_two_lines_of_a_comma_separated_table_is_refused(tmp_path: Path) -> None:
    path = subjects_file(tmp_path, 'P1,RICE,"a', 'b",b,c', header="subject,label,postop,event,dose")
    with pytest.raises(ValueError, match=r"cannot be read .*save the table with tabs"):
        read_subjects(path, CHANNELS)


def test_the_nearest_column_is_named(tmp_path: Path) -> None:
    path = subjects_file(tmp_path, header="Subject\tlabel\tpost_op\tevent\tdose")
    with pytest.raises(ValueError, match=r"for 'Subject', did you mean 'subject'.*'postop'"):
        read_subjects(path, CHANNELS)
