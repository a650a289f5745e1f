"""Jobs that act on many flow runs, with a result for each."""
