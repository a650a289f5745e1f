"""A first flow of three tasks."""

from prefect import flow, task


@task
def extract():
    return [1, 2, 3]


@task
def transform(rows):
    return [row * 2 for row in rows]


@task
def load(rows):
    return len(rows)


@flow
def first():
    return load(transform(extract()))


if __name__ == "__main__":
    assert first() == 3
