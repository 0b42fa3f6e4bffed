"""The names of figures of merit: those that are computed, that a plan can name, that texts say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np

from ricenet.config.analysis_plan import Metric
from ricenet.statistics import estimates

ROOT = Path(__file__).parents[2]
NAMES = get_args(Metric)


def test_a_plan_can_name_each_figure_that_is_computed_and_no_other():
    labels = np.arange(estimates.DELONG_FROM) % 2
    score = (labels + np.arange(estimates.DELONG_FROM) % 3) / 3
    found = estimates.figures(
        labels, (score > 0.5).astype(int), score, confidence=0.95, prevalences=[0.18]
    )
    assert {figure.metric for figure in found} == set(NAMES)
    assert len({(f.metric, f.prevalence) for f in found}) == len(found)


def test_the_table_of_settings_names_each():
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("| `primary_metric`"))
    assert f"| {', '.join(f'`{name}`' for name in NAMES)}; a list of these |" in row
