"""`python -m prefect` is the command `prefect`."""

from prefect.cli import main

main()
