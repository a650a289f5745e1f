"""Concurrency limits: slots, and the leases that hold them."""
