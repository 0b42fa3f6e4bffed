"""methods: the paragraph claims no more than is on record."""

from __future__ import annotations

from ricenet.report import methods
from ricenet.report.records import Runs


def test_without_a_record_of_training_nothing_is_said_to_be_trained() -> None:
    text = methods.program(Runs([]))
    assert "how the predictions were made is not on record" in text and "Results" not in text
