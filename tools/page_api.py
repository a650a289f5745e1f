"""Write `ui/openapi.json`: the operations that the web page calls, from which its TypeScript types are generated.

python -m tools.page_api           write it
python -m tools.page_api --check   fail if it is not current
"""

import json
import re
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi

from prefect.server.app.endpoints import LazyRoute, build_route
from prefect.server.routes import list_operations

PATH = Path(__file__).parent.parent / "ui" / "openapi.json"

CALLED = Path(__file__).parent.parent / "ui" / "src" / "api" / "operations.txt"
"""The operations of the interface that the page calls, one a line: a method and a path."""

PAGES = ("/ui/pages", "/ui/forms", "/ui/bulk", "/ui/assets")
"""What the paths of the page's own operations begin with; all of them are written."""


def list_called() -> set[tuple[str, str]]:
    """Return the method and the path of each operation of the interface that the page calls."""
    lines = (line.split() for line in CALLED.read_text().splitlines() if line and not line.startswith("#"))
    return {(method, path) for method, path in lines}


def describe() -> dict[str, Any]:
    """Return the OpenAPI document of the operations that the page calls."""
    called = list_called()
    operations = [
        operation
        for operation in list_operations()
        if operation.route.startswith(PAGES) or (operation.method, operation.route) in called
    ]
    unknown = called - {(operation.method, operation.route) for operation in operations}
    if unknown:
        raise SystemExit(f"{CALLED.name} names operations that the API does not have: {sorted(unknown)}")
    routes = []
    for operation in operations:
        route = build_route(operation, LazyRoute(operation, None).operation_app.endpoint)  # type: ignore[arg-type]
        route.include_in_schema = True
        routes.append(route)
    document = get_openapi(title="What the web page calls", version="1", routes=routes)
    return _plain(document)


def _plain(value: Any) -> Any:
    """Return a document without descriptions and examples, which types do not need."""
    if isinstance(value, dict):
        return {
            key: _plain(part)
            for key, part in value.items()
            if not (key in ("description", "title", "summary", "examples", "tags") and isinstance(part, (str, list)))
            and not re.fullmatch("4..", str(key))
        } | ({"title": value["title"], "version": value["version"]} if "version" in value and "title" in value else {})
    return [_plain(item) for item in value] if isinstance(value, list) else value


def render() -> str:
    """Return the document as its file has it."""
    return json.dumps(describe(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check() -> None:
    """Fail unless the file is current."""
    if not PATH.exists() or PATH.read_text() != render():
        raise SystemExit("ui/openapi.json is not current: run `make page-api`.")


if __name__ == "__main__":
    PATH.write_text(render())
    print(f"wrote {PATH.relative_to(Path.cwd())}")
