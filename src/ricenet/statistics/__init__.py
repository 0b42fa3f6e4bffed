"""Figures of merit, and the figures that were published."""
