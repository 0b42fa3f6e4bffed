"""Rows of the table from planted maps: what is shown, what is not, what was not made."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from ricenet.explain import map_statistics, map_table

SHAPE, N = (16, 16, 16), 6
BRAIN = sum((np.indices(SHAPE) - 7.5).reshape(3, -1) ** 2).reshape(SHAPE) < 56


def patients(rng):
    """Codes of a hot region and a lesion, and blurred maps on them."""
    codes, hot = [], []
    for _ in range(N):
        a, b = (np.argwhere(BRAIN)[rng.integers(BRAIN.sum())] for _ in range(2))
        far = [((np.indices(SHAPE) - x[:, None, None, None]) ** 2).sum(axis=0) for x in (a, b)]
        codes.append(map_statistics.region_codes(BRAIN, BRAIN & (far[0] < 9), BRAIN & (far[1] < 9)))
        hot.append(BRAIN & (far[0] < 9))
    return codes, hot


def maps(rng, on, strength):
    for place in on:
        change = 0.05 * rng.standard_normal(SHAPE) + strength * place
        change = np.where(BRAIN, ndimage.gaussian_filter(change, 1.0), 0)
        cubes = rng.standard_normal((2, 30)) + 2 * rng.standard_normal(30)
        yield change, cubes


def measured(rng, codes, on, strength, draws=0):
    found = maps(rng, on, strength)
    return map_table.measured(found, codes, draws=draws, rng=lambda i: np.random.default_rng(i))


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    codes, hot = patients(rng)
    nothing = [np.zeros(SHAPE, bool)] * N
    trained = measured(rng, codes, hot, 1.0, draws=50)
    controls = [measured(rng, codes, nothing, 0.0) for _ in range(19)]
    volumes = np.array([map_statistics.shares((c > 0).astype(float), c) for c in codes])
    return trained, controls, volumes


def table(trained, controls, volumes):
    there = list(map_statistics.REGIONS)
    subjects = [f"P{i}" for i in range(N)]
    rows = [*map_table.subject_rows("trained", trained, subjects, there, volumes)]
    rows += map_table.cohort_rows(
        trained, controls, there, volumes, draws=100, confidence=0.95, seed=1
    )
    found = pd.DataFrame(rows)
    assert set(found.columns) <= set(map_table.COLUMNS)
    return found.set_index(["networks", "subject", "measure", "of"])


def test_a_planted_region_is_shown_and_the_other_is_not(case):
    trained, controls, volumes = case
    rows = table(trained, {"untrained": controls, "permutation": []}, volumes)
    rows = rows.loc["trained", "all subjects"]
    hot, lesion = rows.loc["share", "isodose-95"], rows.loc["share", "enhancement"]
    assert hot["verdict"] == "shown" and lesion["verdict"] == "not shown"
    assert hot["controls_p"] == 0.05 and hot["permutations"] == 720
    assert hot["difference_low"] > 0 and hot["low"] < hot["value"] < hot["high"]
    assert hot["exchange_p"] <= hot["family_p"] < 0.05
    elsewhere = rows.loc["share", "elsewhere"]
    assert np.isnan(elsewhere["exchange_p"]) and not isinstance(elsewhere["verdict"], str)
    assert rows.loc["largest change", "logit"]["below_controls"] == "no"


def test_what_was_not_made_says_so(case):
    trained, controls, volumes = case
    rows = table(trained, {"untrained": [], "permutation": []}, volumes)
    hot = rows.loc["trained", "all subjects", "share", "isodose-95"]
    assert hot["verdict"] == "not judged" and "not made" in hot["why"]
    assert hot["below_controls"] == "not made" and hot["controls"] == 0
    for kind in ("untrained", "permutation"):
        assert rows.loc[kind, "all subjects", "largest change", "logit"]["why"] == "not made"
    few = table(trained, {"untrained": controls[:1]}, volumes)
    hot = few.loc["trained", "all subjects", "share", "isodose-95"]
    assert (hot["verdict"], hot["why"]) == ("not judged", "1 control networks, 19 are needed")


def test_a_control_in_place_of_the_trained_does_not_pass(case):
    _, controls, volumes = case
    rows = table(controls[0], {"untrained": controls[1:] + controls[:1]}, volumes)
    verdicts = rows.loc["trained", "all subjects", "share"]["verdict"].dropna()
    assert set(verdicts) <= {"not shown", "below the controls"} and len(verdicts) == 2


def test_permuted_labels_set_the_level_where_they_were_trained(case):
    trained, controls, volumes = case
    rng = np.random.default_rng(3)
    codes, hot = patients(rng)
    loud = measured(rng, codes, hot, 9.0)
    rows = table(trained, {"untrained": controls, "permutation": [loud]}, volumes)
    hot = rows.loc["trained", "all subjects", "share", "isodose-95"]
    assert (hot["verdict"], hot["below_controls"]) == ("below the controls", "yes")


def test_points_of_each_patient(case):
    trained, controls, volumes = case
    rows = table(trained, {"untrained": controls}, volumes).loc["trained"]
    for i in range(N):
        assert rows.loc[f"P{i}", "share", "isodose-95"]["value"] == trained.shares[i, i, 0]
        assert np.isnan(rows.loc[f"P{i}", "share", "isodose-95"]["low"])
        assert 0 <= rows.loc[f"P{i}", "against", "logit"]["value"] < 0.5
    agreed = rows.loc["all subjects", "agreement", "icc"]["value"]
    assert agreed == pytest.approx(0.8, abs=0.1)  # 4 of 5 parts of the variance are common
