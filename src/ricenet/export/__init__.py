"""A finished study for others."""
