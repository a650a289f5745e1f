"""Blocks, variables, artifacts, saved searches and collections: objects that users store and read back."""
