"""httpx clients whose requests the local application answers in this process, without a socket."""
