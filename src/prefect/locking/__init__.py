"""Locks by key, which keep two runs from computing the same result at the same time.

A lock has a holder, named by a string, so that any code with the name can go on under the same lock. `protocol` is
the protocol of lock managers; `memory` serves one process, `filesystem` all processes that share a directory.
"""
