"""Rows are written and read through a saved block."""

from prefect_sqlalchemy import ConnectionComponents, SqlAlchemyConnector, SyncDriver

from prefect import flow, task

SqlAlchemyConnector(connection_info=ConnectionComponents(driver=SyncDriver.SQLITE_PYSQLITE, database="rows.db")).save(
    "rows"
)


@task
def write(rows: list[dict[str, object]]) -> None:
    with SqlAlchemyConnector.load("rows") as connector:
        connector.execute("CREATE TABLE fruit (name TEXT, price INTEGER)")
        connector.execute_many("INSERT INTO fruit VALUES (:name, :price)", seq_of_parameters=rows)


@flow
def main() -> list[tuple[str, int]]:
    write([{"name": "apple", "price": 2}, {"name": "plum", "price": 3}])
    with SqlAlchemyConnector.load("rows") as connector:
        first = connector.fetch_one("SELECT name, price FROM fruit ORDER BY price")
        return [tuple(first), *map(tuple, connector.fetch_all("SELECT name, price FROM fruit WHERE price > 2"))]


assert main() == [("apple", 2), ("plum", 3)]
