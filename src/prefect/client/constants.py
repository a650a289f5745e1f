"""Facts about the API that a client uses."""

SERVER_API_VERSION = "0.8.4"
"""The version of the REST API whose operations the client knows."""
