"""Figures of the published work, to stand beside a study's own."""

from __future__ import annotations

# Macro F1 of arXiv 2603.11827: mean of five validation folds, and test set. None: not printed.
PUBLISHED_VALIDATION_F1: dict[str, float | None] = {
    "postop": 0.70,
    "event": 0.58,
    "dose": 0.78,
    "postop-event": None,
    "postop-dose": 0.828,
    "event-dose": 0.83,
    "postop-event-dose": 0.804,
}
PUBLISHED_TEST_F1 = {"postop-event-dose": 0.916}
