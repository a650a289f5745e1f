"""Blocks: named, typed configuration that can be saved once and loaded anywhere.

`core` has the base class, `persistence` saves and loads its blocks, `schemas` describes their classes to the API,
`registry` finds a class by the slug of its type.
"""
