"""What several pages have in common: the shapes of their answers, and runs as rows of a list."""
