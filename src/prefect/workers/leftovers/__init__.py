"""Infrastructure that its own worker did not stop: the jobs by which a server asks for it, and what is done."""
