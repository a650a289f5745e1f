"""The settings, group by group; each is defined here and nowhere else."""
