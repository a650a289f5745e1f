"""The client of the API: `prefect.client.orchestration` has it, `prefect.client.schemas` what it speaks of."""
