"""Predictions of the networks for subjects."""
