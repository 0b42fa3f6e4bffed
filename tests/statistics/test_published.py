"""published: every figure has a source and a set of patients."""

from __future__ import annotations

from ricenet.statistics import published


def test_every_figure_has_a_source_and_a_set_of_patients() -> None:
    assert published.SOURCE
    for of, inputs in published.FIGURES:
        assert of in published.PATIENTS and inputs
