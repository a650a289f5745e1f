"""Functions and their parameters: bind calls, validate arguments, describe parameters as JSON schema.

It knows no runs: futures and states among the arguments are resolved before.
"""
