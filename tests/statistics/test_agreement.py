"""Agreement against published figures, scipy, and sums of squares written one by one."""

import numpy as np
import pytest
from scipy import stats

from ricenet.statistics.agreement import icc_2_1, pairwise_spearman

# six objects by four judges: table 2 of Shrout and Fleiss, whose ICC(2,1) is .29
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_published_table():
    assert icc_2_1(SHROUT_FLEISS.T) == pytest.approx(0.29, abs=0.005)


def test_icc_by_loops():
    x = np.random.default_rng(0).random((3, 7)) + np.arange(7) / 3
    m, p = x.shape
    total = sum((x[i, j] - x.mean()) ** 2 for i in range(m) for j in range(p))
    objects = sum(m * (x[:, j].mean() - x.mean()) ** 2 for j in range(p))
    raters = sum(p * (x[i].mean() - x.mean()) ** 2 for i in range(m))
    msr, msc = objects / (p - 1), raters / (m - 1)
    mse = (total - objects - raters) / ((m - 1) * (p - 1))
    assert icc_2_1(x) == pytest.approx((msr - mse) / (msr + (m - 1) * mse + m * (msc - mse) / p))


def test_extremes():
    same = np.tile(np.arange(5.0), (3, 1))
    assert icc_2_1(same) == pytest.approx(1)
    assert icc_2_1(same + np.array([[0], [5], [10]])) < 0.2  # agreement is absolute
    assert np.isnan(icc_2_1(same[:1])) and np.isnan(icc_2_1(np.ones((3, 5))))


def test_spearman_of_each_pair():
    x = np.random.default_rng(1).integers(0, 5, (3, 20))
    found = pairwise_spearman(x)
    expected = [stats.spearmanr(x[i], x[j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(found, expected)
    x[0] = 1
    assert list(np.isnan(pairwise_spearman(x))) == [True, True, False]
