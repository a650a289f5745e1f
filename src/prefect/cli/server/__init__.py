"""Commands that run a server, ask it or set it up."""
