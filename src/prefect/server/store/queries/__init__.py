"""Named queries: SQL that takes a transaction first and returns typed results. Services call them and write none."""
