"""Bearer tokens over HTTP (RFC 6750): how one is presented, and how a refusal is answered.

Decides nothing about tokens; the verifier does. An answer holds a stable code and the sentence
that belongs to it, never what the client sent: no part of a token can come back or reach a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

from keyturn.errors import KeyturnError, UsageError
from keyturn.jose.errors import TokenRejected

SCHEME: Final = "bearer"
# RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token
_CREDENTIALS: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)", re.ASCII)
# RFC 6750 §3: error_description is %x20-21 / %x23-5B / %x5D-7E
_UNQUOTABLE: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


class TokenMissing(KeyturnError):
    """This needs a bearer token in the "Authorization" header."""

    code = "token_missing"


class RequestMalformed(KeyturnError):
    """The "Authorization" header is not "Bearer", a space and one token."""

    code = "request_malformed"


class VerifierUnavailable(KeyturnError):
    """The token could not be checked now; try again soon."""

    code = "verifier_unavailable"


def presented(headers: Sequence[str]) -> str:
    """Return the token in the values of all ``Authorization`` headers of one request.

    Raises :class:`TokenMissing` without a header, or when it is of another scheme (which is then
    somebody else's), and :class:`RequestMalformed` for two headers or a broken one.
    """
    if not headers:
        raise TokenMissing
    if len(headers) > 1:
        raise RequestMalformed('the request has more than one "Authorization" header')
    header = headers[0].strip(" \t")
    if header.partition(" ")[0].lower() != SCHEME:
        raise TokenMissing
    match = _CREDENTIALS.fullmatch(header)
    if match is None:
        raise RequestMalformed
    return match[1]


@dataclass(frozen=True)
class Answer:
    """How one kind of refusal is told over HTTP; one row of :data:`ANSWERS`."""

    status: int
    error: str | None  # RFC 6750 §3.1; None: no error code, as for a request without a token


ANSWERS: Final[tuple[tuple[type[KeyturnError], Answer], ...]] = (
    (TokenMissing, Answer(401, None)),
    (RequestMalformed, Answer(400, "invalid_request")),
    (TokenRejected, Answer(401, "invalid_token")),
)
UNAVAILABLE: Final = Answer(503, None)


class Refusal:
    """The HTTP answer to a request whose token was not accepted.

    ``status`` 400, 401 or 503; ``headers`` to add; ``body`` is JSON ``{"code", "message"}``.
    """

    retry_seconds: ClassVar[int] = 5

    def __init__(self, error: KeyturnError, realm: str) -> None:
        """``error`` says why; ``realm`` is the protected space named to the client."""
        answer = next((row for kind, row in ANSWERS if isinstance(error, kind)), UNAVAILABLE)
        told = VerifierUnavailable() if answer is UNAVAILABLE else error
        self.status, self._error, self._realm = answer.status, answer.error, realm
        self.code: str = told.code
        self.message = _sentence(type(told))

    @cached_property
    def detail(self) -> dict[str, str]:
        """The body as a dictionary."""
        return {"code": self.code, "message": self.message}

    @cached_property
    def body(self) -> bytes:
        """The body as JSON text."""
        return json.dumps(self.detail).encode()

    @cached_property
    def challenge(self) -> str | None:
        """The value of ``WWW-Authenticate`` (RFC 6750 §3), None when no token would help."""
        if self.status == UNAVAILABLE.status:
            return None
        parts = [f'realm="{self._realm}"']
        if self._error is not None:
            description = _UNQUOTABLE.sub("'", self.message)
            parts += [f'error="{self._error}"', f'error_description="{description}"']
        return "Bearer " + ", ".join(parts)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers that go with the body; no cache may keep a refusal."""
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        if self.challenge is None:
            return {**headers, "Retry-After": str(self.retry_seconds)}
        return {**headers, "WWW-Authenticate": self.challenge}


def checked_realm(realm: str) -> str:
    """Return ``realm`` if it can stand in a header; raises :class:`UsageError` if not."""
    if not realm or _UNQUOTABLE.search(realm):
        raise UsageError(
            "the realm is empty or has a character that a header cannot quote",
            hint='use plain ASCII without quotes and backslashes, as in "api"',
        )
    return realm


def _sentence(kind: type[KeyturnError]) -> str:
    """The constant sentence of an error's class: a message of one may name what was found."""
    lines = (kind.__doc__ or "").strip().splitlines()
    return lines[0] if lines else kind.code
