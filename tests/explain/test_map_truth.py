import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ricenet.explain import map_truth

SHAPE, SPACING = (6, 7, 8), (1.0, 2.0, 3.0)


def test_pointing():
    cause, importance = np.zeros(SHAPE, bool), np.zeros(SHAPE)
    cause[1, 1, 1] = True
    importance[1, 3, 2] = 2.0
    found = map_truth.pointing_distance(importance, cause, spacing_mm=SPACING)
    assert found == pytest.approx(5.0)  # 2 voxels of 2 mm and 1 of 3 mm
    importance[1, 1, 1] = 2.0
    found = map_truth.pointing_distance(importance, cause, spacing_mm=SPACING)
    assert found == pytest.approx(2.5)
    for nothing in ((0 * importance, cause), (importance, 0 * cause > 0)):
        assert np.isnan(map_truth.pointing_distance(*nothing, spacing_mm=SPACING))


def test_share_and_auc():
    rng = np.random.default_rng(0)
    brain, cause = rng.random(SHAPE) < 0.8, rng.random(SHAPE) < 0.2
    importance = np.round(rng.random(SHAPE) + 0.3 * cause, 1)
    expected = roc_auc_score(cause[brain], importance[brain])
    assert map_truth.voxel_auc(importance, cause, brain) == pytest.approx(expected)
    inside = importance[brain & cause].sum() / importance[brain].sum()
    assert map_truth.share_inside(importance, cause, brain) == pytest.approx(inside)
    assert np.isnan(map_truth.share_inside(0 * importance, cause, brain))
    assert np.isnan(map_truth.voxel_auc(importance, brain, brain))
