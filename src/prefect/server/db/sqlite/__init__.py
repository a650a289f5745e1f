"""SQLite: `database` has a connection a transaction, `writer` a thread that groups the commits of a server."""
