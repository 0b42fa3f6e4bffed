"""openings: the ledger of a test set shows what was done to it, as the audit's own formula does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ricenet.audit.openings import broken
from ricenet.cohort import openings

OPENING = {
    "plan": "a" * 64, "seen_before": "nothing", "patients": "12", "inputs": "7",
    "manifest": "b" * 64, "models": "c" * 64, "code": "d" * 16,
    "also_seen_in": "none",
}  # fmt: skip


def ledger(*plans: str) -> list[openings.Line]:
    lines: list[openings.Line] = []
    for plan in plans:
        lines = openings.appended(lines, {**OPENING, "plan": plan * 64}, "28 Nov 2026")
    return lines


def is_refused(text: str) -> bool:
    """By the reader, and by the audit, which computes the chain in its own way."""
    try:
        lines = openings.parse(text)
    except ValueError:
        assert broken(text)
        return True
    assert bool(broken(text)) == (not lines)  # a ledger without a line is none
    return not lines


def test_the_same_opening_adds_no_line_and_another_plan_or_model_does():
    lines = ledger("1", "1", "2", "1")
    assert [line["line"] for line in lines] == ["1", "2", "3"]
    again = {**OPENING, "plan": "1" * 64, "also_seen_in": "c2"}
    assert openings.appended(lines, again, "1 Dec 2026") == lines
    other = openings.appended(lines, {**again, "models": "f" * 64}, "1 Dec 2026")
    assert other[:3] == lines and other[3]["when"] == "1 Dec 2026"
    assert openings.parse(openings.as_text(other)) == other
    assert openings.appended([], OPENING, "x")[0]["previous"] == openings.START


def test_any_changed_cell_and_any_removed_or_moved_line_is_found():
    lines = ledger("1", "2", "3")
    text = openings.as_text(lines)
    assert not is_refused(text)
    header, *rows = text.splitlines(keepends=True)
    for number, row in enumerate(rows):
        for column, cell in enumerate(row.rstrip("\n").split("\t")):
            cells = row.rstrip("\n").split("\t")
            cells[column] = cell[:-1] + ("0" if cell[-1] != "0" else "1")
            edited = [*rows[:number], "\t".join(cells) + "\n", *rows[number + 1 :]]
            assert is_refused(header + "".join(edited)), column
    for kept in ([0, 2], [1, 2], [1, 0, 2], [2, 1, 0], [0, 0, 1, 2]):
        assert is_refused(header + "".join(rows[k] for k in kept))


@given(st.integers(min_value=0), st.data())
def test_half_a_line_is_no_opening(cut, data):
    text = openings.as_text(ledger("1", "2"))
    ends = [i + 1 for i, letter in enumerate(text) if letter == "\n"]
    cut %= len(text)
    if cut not in ends:
        assert is_refused(text[:cut])
    extra = data.draw(st.text(max_size=20))
    assert not extra or is_refused(text + extra)


def test_an_edited_ledger_stops_the_next_opening(tmp_path):
    path = tmp_path / "test-openings.tsv"
    assert openings.read(path) == []
    path.write_text(openings.as_text(ledger("1")).replace("\t12\t", "\t11\t"))
    with pytest.raises(ValueError, match=r"test-openings\.tsv.*line 1 is not what was written"):
        openings.read(path)
