"""conformal_sets: the sets of a naive count, and "not made" where scores are lacking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ricenet.predict.conformal_sets import calls, in_words


def scores(each: int = 20, folds: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], each)
    rice = np.clip(0.35 + 0.3 * labels + 0.15 * rng.normal(size=2 * each), 0, 1)
    fold = np.arange(2 * each) % folds
    return pd.DataFrame({"fold": fold, "label": labels, "probability_rice": rice})


@pytest.mark.parametrize("rice", [0.02, 0.3, 0.5, 0.52, 0.7, 0.99])
def test_sets_are_those_of_a_naive_count(rice: float) -> None:
    """A class fits, unless at most alpha of its patients, the new one among them, fit as badly."""
    table = scores()
    found = calls(rice, table, range(5), [0.1, 0.3])
    for one in found["sets"]:
        expected = []
        for label, words in ((0, "recurrence"), (1, "RICE")):
            own = table.loc[table["label"] == label, "probability_rice"]
            as_bad = sum(p >= rice if label == 0 else p <= rice for p in own)
            if (as_bad + 1) / (len(own) + 1) > one["alpha"]:
                expected.append(words)
        assert one["classes"] == expected
        assert one["call"] == (expected[0] if len(expected) == 1 else one["call"])
        assert one["call"].startswith("no call") == (len(expected) != 1)
    assert in_words(found).startswith("alpha 0.1: ") and "; alpha 0.3: " in in_words(found)


def test_without_the_scores_nothing_is_called() -> None:
    for table, folds, why in (
        (scores(9), range(5), "9 patients of the smaller class to compare with, fewer than 10"),
        (scores().query("fold < 4"), range(5), "of folds [0, 1, 2, 3], the models are of folds"),
        (scores().iloc[:0], range(5), "of folds none"),
    ):
        found = calls(0.99, table, folds, [0.1])
        assert found["sets"] == [] and why in found["not_made"]
        assert in_words(found).startswith("not made: ")
