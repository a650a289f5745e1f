"""Events: ingest, storage, queries, and those that the server emits itself."""
