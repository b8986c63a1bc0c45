"""A small example provider: a poet who writes text and nothing else."""
