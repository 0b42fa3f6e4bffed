"""probabilities: the section of a simulated cohort, and of one that was not evaluated."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from ricenet.evaluate import calibrate
from ricenet.report import page, probabilities
from ricenet.statistics.metrics import wilson
from simulated_predictions import manifest, predictions

SETTINGS = {
    "confidence": 0.95, "cost_ratio": 1.0, "conformal_alpha": [0.1], "draws": 20, "seed": 1,
}  # fmt: skip


def tables(train: int = 80, test: int = 12) -> dict[str, list[dict[str, str]]]:
    """Rows as the report reads them: text."""
    made = calibrate.tables(
        *predictions(manifest(train, test), {"dose": 1.5, "event-dose": 1.5}, stretch=2.0), SETTINGS
    )
    kinds = {"calibration_curve" if k == "curve" else k: v for k, v in made.items()}
    return {
        kind: [
            {str(k): "" if pd.isna(v) else str(v) for k, v in row.items()}
            for row in table.to_dict("records")
        ]
        for kind, table in kinds.items()
    }


def section(found: dict) -> str:
    main = probabilities.headline(["dose", "event-dose"])
    content = probabilities.probabilities(found, main)
    return page.render("probabilities.html.j2", {"probabilities": content})


@pytest.fixture(scope="module")
def text() -> str:
    return section(tables())


def test_every_part_has_its_table_and_its_plot(text: str) -> None:
    assert text.count("<table>") == 8 and text.count("<svg") == 3
    assert "nan" not in text
    # twelve test patients are too few for curves, and enough to count right sets and answers
    assert text.count("Not made") == 2
    assert (
        text.count(
            "Not made, test: 5 patients of the smaller class for the evaluation, fewer than 10."
        )
        == 2
    )
    for words in ("as predicted", "temperature, share of RICE", "Youden", "no p of", "nominal"):
        assert words in text


def test_the_section_is_the_same_at_each_run(text: str) -> None:
    assert section(tables()) == text


def test_no_interval_has_a_width_of_zero(text: str) -> None:
    found = re.findall(r"(-?\d\.\d+) to (-?\d\.\d+)", text)
    assert len(found) > 40 and all(float(low) < float(high) for low, high in found)


def test_what_was_not_made_is_said_with_its_reason() -> None:
    few = section(tables(8, 4))
    why = "4 patients of the smaller class for the fit, fewer than 10."
    assert few.count(f"Not made, cross-validation: {why}") >= 3
    assert "<svg" not in few
    nothing = section({})
    assert nothing.count("Not made, this was not run.") == 5 and "<table>" not in nothing


def test_single_answers_are_the_risk_turned_round() -> None:
    """Of a set with one class: right ones, and the limits of their share by Wilson."""
    found = tables()
    made = probabilities.single_answers(found, "event-dose")
    assert "validation" in {row["set"] for row in made}
    for row in made:
        (risk,) = [
            r for r in found["selective"]
            if r["ablation"] == "event-dose" and r["set"] == row["set"] and "class" in r["rule"]
        ]  # fmt: skip
        right, answered = int(row["right"]), int(row["answered"])
        assert right == answered - int(risk["errors"]) and row["n"] == risk["answered"]
        expected = wilson(right, answered, confidence=0.95)
        assert float(row["low"]) == pytest.approx(expected.low)
        assert float(row["high"]) == pytest.approx(expected.high)
    noted = [{**r, "note": "no patient gets a prediction"} for r in found["selective"]]
    assert probabilities.single_answers({"selective": noted}, "event-dose") == []


def test_the_probe_has_its_curve_beside_the_network() -> None:
    found = tables()
    own = [r for r in found["decision"] if r["ablation"] == "event-dose"]
    curve = [{**r, "group": "scanner", "model": "logistic"} for r in own]
    probe = {"group": "scanner", "kind": "confounder", "model": "logistic", "note": "",
             "set": "validation", "auc": "0.7", "used": "", "measured": ""}  # fmt: skip
    text = section({**found, "probes": [probe], "probe_decision": curve})
    assert "best model of few features" in text and "scanner and sequence, logistic" in text
    words = "A curve of a model of few features: not made."
    assert words in section(found) and words not in text
