"""What the web page shows: one function a page, which answers all of it in a few indexed queries."""
