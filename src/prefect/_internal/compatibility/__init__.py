"""Functions that are sync or async by their caller, for other people's packages."""
