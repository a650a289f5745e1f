"""Logs of runs: adding them, following them, and a file of them."""
