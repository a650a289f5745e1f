"""Import paths below `prefect._internal` that other people's packages use. Nothing here imports from them."""
