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
        own = methods.METHODS[name].coverage
        assert "86 to 93 %" in methods.coverage(name, out_of_fold=True, confidence=0.95)
        assert methods.coverage(name, out_of_fold=False, confidence=0.95) == own
    found = methods.coverage(methods.NADEAU_BENGIO, out_of_fold=True, confidence=0.95)
    assert found == methods.METHODS[methods.NADEAU_BENGIO].coverage


def test_another_confidence_is_not_called_95() -> None:
    found = methods.coverage(methods.EXACT, out_of_fold=False, confidence=0.9)
    assert found == "at least 90 %, at any number of patients"
    for name in methods.METHODS:
        for out_of_fold in (True, False):
            found = methods.coverage(name, out_of_fold=out_of_fold, confidence=0.9)
            assert "at least 90" in found or "nominal 95 %" in found
