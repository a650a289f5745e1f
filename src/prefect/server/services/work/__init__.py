"""Work pools, work queues and workers: which run may start where."""
