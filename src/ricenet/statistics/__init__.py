"""Figures of merit with their intervals and tests, and published figures."""
