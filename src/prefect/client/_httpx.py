"""httpx, imported without its command line: that would import click, rich and pygments, four fifths of the time."""

import sys

__all__ = ["httpx"]

if "httpx" in sys.modules:
    import httpx
else:
    # httpx does without it where it cannot be imported.
    sys.modules["httpx._main"] = None  # pyright: ignore[reportArgumentType]  # what forbids an import
    try:
        import httpx
    finally:
        del sys.modules["httpx._main"]
