"""record_features: values by hand from a record, and what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probe_records import records
from ricenet.evaluate import record_features
from ricenet.evaluate.probe_groups import GROUPS


def values(found: list[record_features.Feature]) -> dict[str, float]:
    assert all(f.group in GROUPS for f in found)
    assert len({f.feature for f in found}) == len(found)
    return {f.feature: f.value for f in found}


def test_what_a_record_holds() -> None:
    made = records(1, np.random.default_rng(0), shortcut=False)
    made["postop_native"] = {"facts": {"source": "nifti", "acquisition": None}}
    found = values(record_features.of_scanner(made, ["postop", "event"]))
    acquisition = made["event_native"]["facts"]["acquisition"]
    assert found["event_echo_ms"] == acquisition["echo_ms"] and found["event_gradient_echo"] == 1
    assert found["event_voxels"] == 200 * 200 * 80 and found["event_contrast_agent"] == 1
    assert found["event_inversion_recovery"] == 0 and found["postop_dicom"] == 0
    assert math.isnan(found["postop_echo_ms"]) and math.isnan(found["event_inversion_ms"])
    days = values(record_features.of_time(made, ["postop", "event"]))
    assert days["event_after_radiotherapy_d"] == 338 and days["radiotherapy_d"] == 42
    assert math.isnan(days["postop_after_radiotherapy_d"])


def test_schemes_of_doses() -> None:
    ledger = {"prescription_gy": 40.0, "fractions": 15}
    found = values(
        record_features.of_scheme({"dose_native": {"facts": {"ledger": ledger}}}, ["dose"])
    )
    assert found["dose_per_fraction_gy"] == pytest.approx(2.667, abs=1e-3)
    schemes = [found[f"dose_{name}"] for name in record_features.SCHEMES]
    assert schemes == [0, 1, 0]
    unknown = values(record_features.of_scheme({}, ["dose"]))
    assert all(math.isnan(v) for v in unknown.values()) and unknown.keys() == found.keys()


def test_only_checks_of_quality_count() -> None:
    rows = [
        {"check": name, "value": "0.9", "unit": ""}
        for name in (
            "postop_to-event/brain-overlap", "dose_registered/dose-coverage", "crop/lost",
            "quality/brain-volumes-agree", "timeline/event-after-postop",
            "event_brain-mask/brain-volume", "dose_total/dose-maximum",
        )
    ]  # fmt: skip
    assert len(record_features.of_quality(rows)) == 4
    (missing,) = record_features.of_quality([{"check": "crop/lost", "value": "", "unit": ""}])
    assert math.isnan(missing.value)


def test_numbers_of_ids_are_spread_evenly_and_are_the_same_each_time() -> None:
    found = np.array([[f.value for f in record_features.of_identity(f"P{i:03d}")]
                      for i in range(400)])  # fmt: skip
    again = [f.value for f in record_features.of_identity("P007")]
    assert found[7] == pytest.approx(again) and ((found >= 0) & (found < 1)).all()
    assert found.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.06)
    assert np.abs(np.corrcoef(found.T) - np.eye(4)).max() < 0.2
