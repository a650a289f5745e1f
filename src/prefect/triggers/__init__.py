"""Triggers of automations: which events concern them, and when they fire.

Everything here is pure: it takes events, buckets and times, and returns firings. There is no I/O and no clock, so that
the server and `prefect automation test` decide alike. Where buckets are kept is the caller's business.
"""
