"""Slots of concurrency limits: taking them, holding them under a lease that is renewed, and giving them back.

`sync` and `asyncio` are what programs use. Who gets a slot is decided by the API, of a server or of the local store:
this package never counts.
"""
