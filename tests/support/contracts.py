"""Answers that tests got, held against what the endpoints declare."""

from __future__ import annotations

from collections.abc import Iterable

from keyturn.authserver.contract import contract_of
from keyturn.authserver.document import refusals_of
from keyturn.authserver.reporting import RequestLine
from keyturn.authserver.routes import Endpoint, Routes

# Triggers and hooks of the operator choose the status that comes with these.
_OPERATORS = frozenset({"unexpected_failure", "unknown"})


def undeclared(routes: Routes, lines: Iterable[RequestLine]) -> list[str]:
    """Return the answers among ``lines`` that their endpoint does not declare."""
    table = {(endpoint.method, endpoint.path): endpoint for endpoint in routes.endpoints}
    seen = {(line.method, line.route, line.status, line.error_code) for line in lines}
    return sorted(
        f"{method} {route}: {status} {code or ''}"
        for method, route, status, code in seen
        if (method, route) in table and not _declared(table[method, route], status, code)
    )


def _declared(endpoint: Endpoint, status: int, code: str | None) -> bool:
    contract = contract_of(endpoint.handler)
    assert contract is not None, endpoint.path
    if code is None:
        return status in (contract.gives or {})
    if code in _OPERATORS or (contract.oauth and status == 400):
        return True
    return (status, code) in refusals_of(endpoint)
