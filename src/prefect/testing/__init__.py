"""Testing programs: an isolated home for the time of a test, and assertions on what runs did."""
