"""Commands of work pools, their queues and workers."""
