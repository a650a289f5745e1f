"""Coroutines of other programs: calls between sync and async code, task groups, timeouts, periodic calls.

Nothing in the path of a run uses it: this package itself writes I/O once and drives it (`prefect._io`).
"""
