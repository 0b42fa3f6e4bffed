"""Names to fill in where the layout of a study has them."""

NAMES = {
    "subject": "P-01", "cohort": "main-1", "channel": "event", "moving": "postop", "fixed": "event",
    "transform": "tfm", "ablation": "postop-event-dose", "fold": "3", "digest": "0123456789abcdef",
}  # fmt: skip
