"""The people: tables, labels, folds, and their cached volumes."""
