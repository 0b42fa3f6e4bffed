"""The two classes by name, as they stand in tables and reports."""

LABELS = {"recurrence": 0, "RICE": 1}  # RICE is the positive class
