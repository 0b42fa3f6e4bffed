"""The two classes by name, as they stand in tables and reports."""

LABELS = {"recurrence": 0, "RICE": 1}  # RICE is the positive class
NAMES = {label: name for name, label in LABELS.items()}
EVERYONE = "all subjects"  # no subject can be called so: it has a space
