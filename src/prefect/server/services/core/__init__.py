"""Code that every service uses: reading by filters, presenting rows, paging, JSON schemas and errors."""
