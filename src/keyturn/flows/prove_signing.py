"""What Auth really signs: somebody signs in and refreshes, and the tokens are looked at.

Without a user of the operator's a throw-away one is made with the service key, confirmed at once so
that no mail is sent, and deleted again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from keyturn.errors import KeyturnError
from keyturn.flows.check_target import complaint
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.jose.errors import shown
from keyturn.jose.jwt import peek


class NotProven(KeyturnError):
    """A running service did not answer as the step promises."""

    code = "not_proven"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs in, and where."""

    base: str
    """The gateway's address."""
    api_key: str | None = field(repr=False)
    service_key: str | None = field(repr=False)
    """Needed only to make and delete the throw-away user."""
    email: str
    password: str = field(repr=False)
    throw_away: bool


async def prove_signing(http: HttpClient, signer: Signer, alg: str, kid: str) -> None:
    """Return when a sign-in and a refresh gave tokens of ``alg`` and ``kid``.

    Raises :class:`NotProven` with what was found instead; ``Unreachable`` passes through.
    """
    made = await _make_user(http, signer) if signer.throw_away else None
    try:
        password = {"email": signer.email, "password": signer.password}
        session = await _grant(http, signer, "password", password)
        _look(session, alg, kid, "A sign-in")
        again = {"refresh_token": str(session.get("refresh_token", ""))}
        _look(await _grant(http, signer, "refresh_token", again), alg, kid, "A refresh")
    finally:
        if made is not None:
            await _send(http, signer, "DELETE", f"/admin/users/{quote(made, safe='')}", admin=True)


async def _make_user(http: HttpClient, signer: Signer) -> str:
    if signer.service_key is None:
        raise NotProven(
            "Nobody can sign in for the proof: there is no service key to make a user with.",
            hint="Give an existing user: --check-email, with KEYTURN_CHECK_PASSWORD.",
        )
    body = {"email": signer.email, "password": signer.password, "email_confirm": True}
    answer = await _send(http, signer, "POST", "/admin/users", body, admin=True)
    user = _object(answer)
    if answer.status not in (200, 201) or not isinstance(user.get("id"), str):
        raise NotProven(
            f"No user could be made for the proof: {complaint(answer)}.",
            hint="Give an existing user: --check-email, with KEYTURN_CHECK_PASSWORD.",
        )
    return str(user["id"])


async def _grant(
    http: HttpClient, signer: Signer, kind: str, body: Mapping[str, str]
) -> dict[str, Any]:
    answer = await _send(http, signer, "POST", f"/token?grant_type={kind}", body)
    if answer.status != 200:
        raise NotProven(f"The {kind} grant was refused: {complaint(answer)}.")
    return _object(answer)


def _look(session: Mapping[str, Any], alg: str, kid: str, what: str) -> None:
    token = session.get("access_token")
    try:
        header = peek(str(token)).header
    except KeyturnError:
        raise NotProven(f"{what} gave no token that can be read.") from None
    found = (header.get("alg"), header.get("kid"))
    if found != (alg, kid):
        raise NotProven(
            f"{what} gave a token of {shown(found[0])} with kid {shown(found[1])}, expected "
            f"{alg} with {kid}."
        )


async def _send(
    http: HttpClient,
    signer: Signer,
    method: str,
    path: str,
    body: object = None,
    *,
    admin: bool = False,
) -> HttpAnswer:
    key = signer.service_key if admin else signer.api_key
    headers = {"accept": "application/json", "content-type": "application/json"}
    if key:
        headers["apikey"] = key
        # An opaque key counts only as apikey; a legacy JWT is its own bearer.
        if admin and not key.startswith("sb_"):
            headers["authorization"] = f"Bearer {key}"
    content = None if body is None else json.dumps(body).encode()
    return await http.send(method, f"{signer.base}/auth/v1{path}", headers=headers, body=content)


def _object(answer: HttpAnswer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
