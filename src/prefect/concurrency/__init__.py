"""Slots of concurrency limits: take them, hold them under a renewed lease, and release them.

`sync` and `asyncio` are what programs use. Who gets a slot is decided by the API, of a server or of the local store:
this package never counts.
"""
