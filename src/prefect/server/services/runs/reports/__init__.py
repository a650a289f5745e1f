"""What is computed of runs for those who look at them. It must not write."""
