"""Reports about runs: graphs, statistics and reasons, computed at each request. It must not write."""
