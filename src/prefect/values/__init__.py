"""Arguments and results as plain data: visit, merge, hash and annotate them, and fill templates with them.

It knows no runs and does no input or output; files are only hashed.
"""
