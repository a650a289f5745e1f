"""The schema: `declaration` says what a table is, `tables` are those of now, `versions` creates and migrates them."""
