"""Export of a finished study."""
