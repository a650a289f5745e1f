"""The client of the API (`prefect.client.orchestration`) and its schemas (`prefect.client.schemas`)."""
