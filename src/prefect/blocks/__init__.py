"""Blocks: named, typed configuration that can be saved once and loaded anywhere.

`core` has the base class. Saving and loading blocks is not supported yet.
"""
