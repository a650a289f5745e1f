"""PostgreSQL through asyncpg: `database` begins transactions, `dialect` is its SQL."""
