"""Blocks: named, typed configuration that can be saved once and loaded anywhere.

`core` is the base class. Saving and loading them, and the blocks for notifications, secrets and webhooks, are for a
later release.
"""
