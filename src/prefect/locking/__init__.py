"""Locks by key: what keeps two runs from computing the same result at once.

A lock has a holder, named by a string, so that whoever knows the name can go on under the same lock. `protocol` says
what a lock manager does; `memory` serves one process, `filesystem` all processes that share a directory.
"""
