"""Import paths of the server's database that programs use. The database itself is `prefect.server.db`."""
