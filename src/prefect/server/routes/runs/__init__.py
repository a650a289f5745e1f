"""Operations on flows and runs: their states, logs, journal records, and those who wait for them."""
