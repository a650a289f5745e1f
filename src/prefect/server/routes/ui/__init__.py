"""Operations for the web page. Only `counts` and `schemas` are part of the interface."""
