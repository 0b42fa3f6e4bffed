import numpy as np
import pytest

from ricenet.explain import map_changes


def test_logits_are_those_of_the_outputs_even_where_probabilities_saturate():
    outputs = np.array([[0.0, 1.5], [3.0, -2.0], [0.0, 60.0]])
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    probabilities = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    np.testing.assert_allclose(
        map_changes.logits(probabilities), outputs[:, 1] - outputs[:, 0], rtol=1e-6
    )
    assert np.isfinite(map_changes.logits(np.array([0.0, 1.0])))


def test_a_change_speaks_for_the_predicted_class():
    clean = np.array([[0.2, 0.8], [0.4, 0.6]])
    hidden = np.array([[[0.5, 0.5], [0.1, 0.9]], [[0.4, 0.6], [0.4, 0.6]]])
    rice = map_changes.changes(clean, hidden)
    assert rice[0, 0] == pytest.approx(np.log(4)) and rice[0, 1] < 0
    np.testing.assert_array_equal(rice[1], 0)
    np.testing.assert_array_equal(map_changes.changes(clean, hidden, predicted=0), -rice)
    flipped = map_changes.changes(clean[:, ::-1], hidden[:, :, ::-1])
    np.testing.assert_allclose(flipped, rice, atol=1e-12)


def test_map_and_its_parts():
    brain = np.ones((2, 2, 4), bool)
    places, change = np.array([[0, 0, 0], [0, 0, 2]]), np.array([[1.0, -2.0], [3.0, 0.0]])
    found = map_changes.mean_map(change, places, brain, cube=2)
    assert set(found[..., :2].ravel()) == {2.0} and set(found[..., 2:].ravel()) == {-1.0}
    assert map_changes.parts(found) == (16.0, 8.0)
