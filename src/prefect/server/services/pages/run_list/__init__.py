"""The page of runs: its query language, its table, its saved views, and the changes that open pages show."""
