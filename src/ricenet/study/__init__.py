"""What the Snakefile sees of a study: its files, who is ready, what is left over."""
