"""Test support for programs: an isolated home directory, assertions, fixtures, and a command runner."""
