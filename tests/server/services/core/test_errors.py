"""Errors of services, and what HTTP makes of them."""

import pytest

from prefect.server.services.core import errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ServiceError("no"), 400),
        (errors.Forbidden("no"), 403),
        (errors.NotFound("flow run", "x"), 404),
        (errors.Conflict("no"), 409),
        (errors.Gone("no"), 410),
        (errors.InvalidRequest("no"), 422),
        (errors.Locked("no"), 423),
    ],
)
def test_error_has_its_status_and_no_headers(error: errors.ServiceError, status: int) -> None:
    assert (error.status, error.headers) == (status, {})


def test_not_found_names_kind_and_id() -> None:
    assert str(errors.NotFound("work pool", "blue")) == "There is no work pool 'blue'."


def test_locked_reports_when_to_try_again() -> None:
    assert errors.Locked("Taken.", retry_after=1.5).headers == {"retry-after": "1.500"}
