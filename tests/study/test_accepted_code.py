"""accepted_code: what a person may declare, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ricenet.study import accepted_code

NOW, OLD, OTHER = "1" * 16, "0" * 16, "2" * 16


def table(folder: Path, *rows: str) -> Path:
    path = folder / "accepted-code.tsv"
    path.write_text("\n".join(["\t".join(accepted_code.COLUMNS), *rows]) + "\n")
    return path


def read(folder: Path, *rows: str) -> dict[str, accepted_code.Accepted]:
    return accepted_code.read(table(folder, *rows), digest=lambda step: NOW)


def test_a_row_about_the_code_of_now_counts_and_others_are_history(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"crop\t{OTHER}\t{OLD}\tAB\tan earlier upgrade",
        f"crop\t{NOW}\t{OLD}\tAB\tonly a log line",
        f"zscore\t{OTHER}\t{OLD}\tAB\thistory alone",
    )
    assert found == {"crop": accepted_code.Accepted(OLD, "AB", "only a log line")}


def test_the_shipped_table_is_empty() -> None:
    shipped = Path(__file__).parents[2] / "config/accepted-code.tsv"
    assert accepted_code.read(shipped, digest=lambda step: NOW) == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([f"crops\t{NOW}\t{OLD}\tAB\twhy"], "'crops': there is no such step"),
        ([f"crop\t{NOW}\tlatest\tAB\twhy"], "16 hexadecimal digits, as ricenet plan prints"),
        ([f"crop\t{NOW}\t{OLD}\t\twhy"], "who took it, and why"),
        ([f"crop\t{NOW}\t{OLD}\t<who>\t"], "who took it, and why"),
        ([f"crop\t{NOW}\t{OLD}\tAB\ta", f"crop\t{NOW}\t{OTHER}\tAB\tb"], "keep one"),
    ],
)
def test_what_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, *rows)
