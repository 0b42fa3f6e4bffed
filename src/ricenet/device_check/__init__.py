"""Check of a device at the full size of a study, before the study begins."""
