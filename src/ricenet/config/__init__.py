"""Settings: their models, limits, files."""
