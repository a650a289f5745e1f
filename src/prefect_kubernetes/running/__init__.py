"""What the worker does with a cluster: its calls, what it watches, and what the status of jobs and pods means."""
