"""radiomics: the digital phantom of the IBSI with its consensus values, and a ball by formula."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.image import radiomics

NAN = np.nan
# (Z, Y, X), voxels of 2 mm; NaN is outside (arXiv 1612.07003, reference data sets)
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [NAN, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, NAN, NAN], [1, 1, 1, 1, 1], [1, 1, NAN, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, NAN, NAN], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
SPACING = (2.0, 2.0, 2.0)
# consensus values, with the tolerance that the IBSI gives for morphology
SHAPE = {
    "volume_mm3": (556, 4), "voxel_volume_mm3": (592, 4), "surface_mm2": (388, 3),
    "surface_to_volume": (0.698, 0.004), "compactness_1": (0.0411, 0.0003),
    "compactness_2": (0.599, 0.004), "spherical_disproportion": (1.19, 0.01),
    "sphericity": (0.843, 0.005), "asphericity": (0.186, 0.001), "diameter_mm": (13.1, 0.1),
    "major_axis_mm": (11.4, 0.1), "minor_axis_mm": (9.31, 0.06), "least_axis_mm": (8.54, 0.05),
    "elongation": (0.816, 0.005), "flatness": (0.749, 0.005), "volume_density": (0.869, 0.005),
    "area_density": (0.866, 0.005), "hull_volume_density": (0.961, 0.006),
    "hull_area_density": (1.03, 0.01),
}  # fmt: skip
FIRST_ORDER = {
    "mean": 2.15, "variance": 3.05, "skewness": 1.08, "kurtosis": -0.355, "median": 1, "minimum": 1,
    "p10": 1, "p90": 4, "maximum": 6, "iqr": 3, "range": 5, "mean_deviation": 1.55,
    "robust_mean_deviation": 1.11, "median_deviation": 1.15, "variation": 0.812,
    "quartile_dispersion": 0.6, "energy": 567, "root_mean_square": 2.77, "volume_at_10": 0.324,
    "volume_at_90": 0.0946, "volume_10_less_90": 0.23,
}  # fmt: skip


def test_first_order_features_have_the_consensus_values() -> None:
    found = radiomics.first_order(PHANTOM[~np.isnan(PHANTOM)])
    assert found.keys() == FIRST_ORDER.keys()
    assert found == pytest.approx(FIRST_ORDER, rel=0.005)


@pytest.mark.parametrize("name", SHAPE)
def test_shape_features_have_the_consensus_values(name: str) -> None:
    found = radiomics.shape((~np.isnan(PHANTOM)).astype(float), SPACING)
    assert found.keys() == SHAPE.keys() == set(radiomics.SHAPE)
    value, tolerance = SHAPE[name]
    assert found[name] == pytest.approx(value, abs=tolerance)


def test_a_ball_by_formula_whatever_its_voxels() -> None:
    z, y, x = np.meshgrid(*[np.arange(-15, 16.0)] * 3, indexing="ij")
    ball = x**2 + y**2 + z**2 <= 12**2
    found = radiomics.shape(ball, SPACING)
    assert found["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 24**3, rel=0.02)
    assert found["diameter_mm"] == pytest.approx(
        50
    )  # the mesh runs half a voxel beyond the centres
    assert found["elongation"] == pytest.approx(1) and found["sphericity"] > 0.9
    moved = radiomics.shape(np.roll(ball, 2, axis=1), SPACING)
    assert moved == pytest.approx(found)
    long = radiomics.shape(ball[::2], (4.0, 2.0, 2.0))  # the same ball in thicker slices
    assert long["volume_mm3"] == pytest.approx(found["volume_mm3"], rel=0.02)


def test_nothing_and_an_even_region() -> None:
    assert all(np.isnan(v) for v in radiomics.first_order(np.empty(0)).values())
    even = radiomics.first_order(np.full(9, 3.0))
    assert even["variance"] == even["skewness"] == even["mean_deviation"] == 0
    assert np.isnan(even["volume_at_10"])
    assert all(np.isnan(v) for v in radiomics.shape(np.ones((1, 1, 3)), SPACING).values())
