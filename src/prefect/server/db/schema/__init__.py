"""The schema: `declaration` defines tables, `tables` declares them, `versions` creates and migrates them."""
