"""overrides: every decision names who, why and one thing, or nothing starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ricenet.cohort import overrides

SUBJECTS = ("P1", "P2")
GOOD = "P1\tevent_brain-mask/brain-volume\taccept\tAB\tlarge cyst"


def table(folder: Path, *rows: str) -> Path:
    path = folder / "overrides.tsv"
    path.write_text("\n".join(["\t".join(overrides.COLUMNS), *rows]) + "\n")
    return path


def test_decisions_are_found_by_subject(tmp_path: Path) -> None:
    found = overrides.read(table(tmp_path, GOOD, "P2\tall\texclude\tCD\twithdrawn"), SUBJECTS)
    assert overrides.accepted(found, "P1") == {
        "event_brain-mask/brain-volume": {"who": "AB", "why": "large cyst"}
    }
    assert overrides.accepted(found, "P2") == {}
    assert overrides.excluded(found) == {"P2": "withdrawn (CD)"}


def test_withdrawn_subject_has_no_row_in_the_subjects_table(tmp_path: Path) -> None:
    rows = ("P9\tall\twithdraw\tCD\tconsent", "P2\tall\texclude\tCD\tx")
    found = overrides.read(table(tmp_path, *rows), SUBJECTS)
    assert overrides.excluded(found) == {"P9": "withdrawn: consent (CD)", "P2": "x (CD)"}
    assert overrides.withdrawn(found) == ["P9"]


def test_header_alone_decides_nothing(tmp_path: Path) -> None:
    found = overrides.read(table(tmp_path), SUBJECTS)
    assert overrides.excluded(found) == {} and overrides.accepted(found, "P1") == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("P9\tevent_brain-mask/brain-volume\taccept\tAB\tx", "no such subject"),
        ("P1\tbrain-volume\taccept\tAB\tx", "must read like"),
        ("P1\tall\taccept\tAB\tx", "must read like"),
        ("P1\t../x/brain\taccept\tAB\tx", "must read like"),
        ("P1\tevent_brain-mask/brain-volume\tok\tAB\tx", "not among"),
        ("P1\tevent_brain-mask/brain-volume\taccept\t\tx", "who took it"),
        ("P1\tevent_brain-mask/brain-volume\taccept\tAB\t", "who took it"),
        ("P1\tall\twithdraw\tAB\tx", "remove the subject's row"),
        ("P9\tall\texclude\tAB\tx", "no such subject; if it was withdrawn"),
        ("P9\tevent_brain-mask/brain-volume\twithdraw\t\tx", "who took it"),
        ("$(x)\tevent_brain-mask/brain-volume\taccept\tAB\tx", "ids .* are not allowed"),
    ],
)
def test_row_that_decides_nothing_clearly_is_refused(row: str, message: str, tmp_path) -> None:
    with pytest.raises(ValueError, match=message):
        overrides.read(table(tmp_path, row), SUBJECTS)


def test_two_decisions_on_one_check_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two rows decide"):
        overrides.read(table(tmp_path, GOOD, GOOD.replace("accept", "exclude")), SUBJECTS)


def test_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such table"):
        overrides.read(tmp_path / "none.tsv", SUBJECTS)
