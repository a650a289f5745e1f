"""Interruptions of a run: a `deadline`, the `termination` of its process, a cancellation by others.

It raises errors in the run or says that it has to stop; which state follows is decided elsewhere.
"""
