"""A dbt project is built; each of its models is a task run."""

from pathlib import Path

from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

from prefect import flow

FILES = {
    "dbt_project.yml": "name: fruit\nversion: '1.0'\nprofile: fruit\nmodel-paths: [models]\n",
    "profiles.yml": (
        "fruit:\n  target: dev\n  outputs:\n    dev:\n      type: sqlite\n      threads: 1\n      database: main\n"
        "      schema: main\n      schemas_and_paths: {main: fruit.db}\n      schema_directory: .\n"
    ),
    "models/prices.sql": "select 'apple' as name, 2 as price",
    "models/total.sql": "select sum(price) as total from {{ ref('prices') }}",
}
for name, text in FILES.items():
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)


@flow
def main() -> object:
    settings = PrefectDbtSettings(project_dir=Path.cwd(), profiles_dir=Path.cwd())
    return PrefectDbtRunner(settings=settings).invoke(["build"])


assert main().success
