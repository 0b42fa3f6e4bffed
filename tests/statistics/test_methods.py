"""methods: what tables say of an interval is what docs/statistics.md says, and simulation finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ricenet.evaluate import contrasts
from ricenet.statistics import methods

TEXT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", methods.METHODS)
def test_each_method_is_explained_in_the_same_words(name: str) -> None:
    method = methods.METHODS[name]
    assert f"`{name}`" in TEXT
    flat = " ".join(TEXT.split())
    assert method.question in flat and method.coverage in flat
    if name != methods.POSTERIOR:
        assert method.reference.split(":")[0].split(",")[0] in flat


@pytest.mark.parametrize("column", contrasts.COLUMNS[6:18])
def test_each_column_of_a_contrast_is_explained(column: str) -> None:
    if not column.startswith("only_right"):
        assert f"`{column}`" in TEXT


def test_out_of_fold_intervals_say_so_and_the_new_study_says_its_own() -> None:
    for name in (methods.EXACT, methods.WILSON, methods.NEWCOMBE):
        assert "90 %" in methods.coverage(name, out_of_fold=True)
        assert methods.coverage(name, out_of_fold=False) == methods.METHODS[name].coverage
    found = methods.coverage(methods.NADEAU_BENGIO, out_of_fold=True)
    assert found == methods.METHODS[methods.NADEAU_BENGIO].coverage
