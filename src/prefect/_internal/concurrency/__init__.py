"""Calls between threads and event loops, for other people's packages."""
