import numpy as np
import pytest
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from ricenet.statistics import confusion, metrics


@pytest.fixture(params=range(3))
def case(request):
    rng = np.random.default_rng(request.param)
    labels = np.r_[0, 1, rng.integers(0, 2, 38)]
    score = np.round(np.clip(0.3 * labels + rng.random(40), 0, 1), 1)  # with ties
    return labels, score, metrics.predicted_class(score)


def test_point_values_are_those_of_scikit_learn(case):
    labels, score, predicted = case
    assert metrics.point_values(labels, predicted, score) == pytest.approx(
        {
            "macro_f1": sk.f1_score(labels, predicted, average="macro"),
            "sensitivity": sk.recall_score(labels, predicted, pos_label=1),
            "specificity": sk.recall_score(labels, predicted, pos_label=0),
            "accuracy": sk.accuracy_score(labels, predicted),
            "auc": sk.roc_auc_score(labels, score),
        }
    )
    c = confusion.confusion(labels, predicted)
    assert [
        [c["true_negative"], c["false_positive"]],
        [c["false_negative"], c["true_positive"]],
    ] == sk.confusion_matrix(labels, predicted).tolist()


def test_the_published_test_result():
    # arXiv 2603.11827 prints 0.916 for 5 RICE and 7 recurrences: one recurrence called RICE
    labels = np.array([0] * 7 + [1] * 5)
    predicted = labels.copy()
    predicted[0] = 1
    assert confusion.macro_f1(labels, predicted) == pytest.approx(0.91608, abs=1e-5)
    predicted = labels.copy()
    predicted[-1] = 0
    assert confusion.macro_f1(labels, predicted) == pytest.approx(0.91111, abs=1e-5)


def test_nothing_of_a_class_is_predicted():
    assert confusion.macro_f1([0, 1, 1], [0, 0, 0]) == pytest.approx(0.25)  # (1/2 + 0) / 2


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)  # fmt: skip
def test_wilson_is_that_of_newcombes_table(successes, trials, low, high):
    found = metrics.wilson(successes, trials, confidence=0.95)  # Stat Med 17:857, 1998, table I
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("trials", [1, 5, 12, 80])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_that_of_statsmodels(trials, confidence):
    for successes in range(trials + 1):
        found = metrics.wilson(successes, trials, confidence=confidence)
        low, high = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
        assert found == pytest.approx((successes / trials, low, high), abs=1e-9)
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_majority_vote():
    rice = np.array(
        [
            # majority against the mean; clear; a tie for RICE by the mean; a tie against it
            [0.51, 0.9, 0.9, 0.6],
            [0.51, 0.8, 0.8, 0.6],
            [0.01, 0.1, 0.4, 0.1],
            [0.51, 0.7, 0.3, 0.1],
        ]
    )
    assert metrics.majority_vote(rice).tolist() == [1, 1, 1, 0]
    assert metrics.predicted_class(metrics.mean_probability(rice)).tolist() == [0, 1, 1, 0]


def test_exactly_one_half_is_recurrence():
    assert metrics.predicted_class([0.5, np.nextafter(0.5, 1)]).tolist() == [0, 1]
