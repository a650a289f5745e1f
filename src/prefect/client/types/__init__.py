"""Types of the client's arguments."""
