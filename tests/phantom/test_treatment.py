"""treatment: beams come from where the gantry stands."""

import numpy as np
import pytest

from ricenet.phantom import treatment


@pytest.mark.parametrize(("gantry", "source"), [(0, (0, -1)), (90, (1, 0)), (180, (0, 1))])
def test_beam_comes_from_where_the_gantry_stands(gantry, source):
    """IEC 61217, head first supine: 0 degrees anterior (-P), 90 degrees the patient's left (+L)."""
    body = np.zeros((41, 41, 5), np.float32)
    body[5:36, 5:36] = 1
    target = np.zeros_like(body)
    target[18:23, 18:23, 1:4] = 1
    dose = treatment.beam_dose(target, body, gantry_deg=gantry, spacing_mm=5.0)[:, :, 2]
    at = {sign: dose[20 + 10 * sign * source[0], 20 + 10 * sign * source[1]] for sign in (-1, 1)}
    assert at[1] > 1.2 * at[-1] > 0  # attenuated on the far side
    assert dose[20 + 10 * source[1], 20 + 10 * source[0]] < 0.1 * at[1]  # nothing beside the beam
