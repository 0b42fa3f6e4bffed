"""Outlines that people have drawn on an image: structure sets, segmentations, converted masks."""
