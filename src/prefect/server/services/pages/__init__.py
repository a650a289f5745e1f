"""Answers of the web page: one function a page, which reads all of it in a few indexed queries."""
