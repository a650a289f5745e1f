"""Public import paths of the interface.

A module here re-exports what the packages below define, or adapts it; no other package of `prefect` imports it. ADR 9
lists the few modules that define something themselves.
"""
