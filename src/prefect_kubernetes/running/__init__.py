"""The worker's dealings with a cluster: its calls, its watches, and the meaning of the status of jobs and pods."""
