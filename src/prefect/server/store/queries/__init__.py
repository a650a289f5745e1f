"""Named queries: SQL that is more than a condition on one table, with typed results. Nothing here decides."""
