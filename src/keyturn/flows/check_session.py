"""Checks around a user: signing in with a password, asking Auth and a table, cleaning up."""

from __future__ import annotations

from typing import Any, Final

from keyturn.flows.check_result import CheckFailed, Finding, NotAsked
from keyturn.flows.check_run import Run, Session
from keyturn.flows.check_target import complaint, read_json
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.jwt import peek

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_API_KEY_HINT: Final = (
    "Give a valid API key: --apikey-file, KEYTURN_API_KEY, or --data-dir of the stack that runs "
    "here."
)
_USER_HINT: Final = "Give an existing one: --email, with its password in KEYTURN_CHECK_PASSWORD."


async def sign_in(run: Run) -> Finding:
    """Get a token with a password; a throw-away user is signed up first."""
    target = run.target
    credentials = {"email": target.email, "password": target.password}
    made = ""
    if target.throw_away:
        await _sign_up(run, credentials)
        made = " (made for this check)"
    answer = await run.deployment.auth("POST", "/token?grant_type=password", credentials)
    document = _granted(answer, "The password grant")
    user: dict[str, Any] = document.get("user") or {}
    run.session = Session(document["access_token"], str(user.get("id", "")), str(target.email))
    return Finding(f"a token for {target.email}{made}", {"user_id": run.session.user_id})


async def _sign_up(run: Run, credentials: dict[str, str | None]) -> None:
    answer = await run.deployment.auth("POST", "/signup", credentials)
    if answer.status != 200:
        raise CheckFailed(
            f"No user could be made for this check: {complaint(answer)}.",
            # 401 is the gateway's: Auth itself asks nobody who signs up for a credential.
            hint=_API_KEY_HINT if answer.status == _UNAUTHORIZED else _USER_HINT,
        )
    if "access_token" not in read_json(answer, "Sign-up"):
        raise CheckFailed(
            "A new user must confirm the address first, so the check cannot sign one in.",
            hint=_USER_HINT,
        )


def _granted(answer: HttpAnswer, what: str) -> dict[str, Any]:
    if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
        raise CheckFailed(
            f"{what} was refused: {complaint(answer)}.",
            hint=_API_KEY_HINT,
        )
    if answer.status != 200:
        raise CheckFailed(f"{what} was refused: {complaint(answer)}.")
    document = read_json(answer, what)
    if not isinstance(document.get("access_token"), str):
        raise CheckFailed(f"{what} answered without an access token.")
    return document


async def ask_auth(run: Run) -> Finding:
    """Auth accepts the token that it issued."""
    answer = await run.deployment.auth("GET", "/user", token=run.token)
    if answer.status != 200:
        raise CheckFailed(f"Auth refused its own token: {complaint(answer)}.")
    found = read_json(answer, "GET /user").get("id")
    subject = peek(run.token).claims.get("sub")
    if found != subject:
        raise CheckFailed(f"Auth answered for user {found}, the token is for {subject}.")
    return Finding(f"accepted for user {found}")


async def query_table(run: Run) -> Finding:
    """The REST service accepts the token."""
    name = run.target.table
    if name is None:
        raise NotAsked("name a table with --table to query it with the token")
    answer = await run.deployment.table(name, run.token)
    if answer.status == _UNAUTHORIZED:
        raise CheckFailed(
            f"REST refused the token: {complaint(answer)}.",
            hint="Its JWT secret must be the JWKS with the key that signed this token.",
        )
    if answer.status not in {200, 206}:
        raise CheckFailed(f"The query of {name!r} failed: {complaint(answer)}.")
    rows = answer.body.count(b"{") if answer.body.strip() != b"[]" else 0
    return Finding(f"{name}: {answer.status}, {'a row' if rows else 'no row'} visible to this user")


async def clean_up(run: Run) -> str | None:
    """Delete the throw-away user; return what to tell about it, None when there was none."""
    if not run.target.throw_away or run.session is None:
        return None
    answer = await run.deployment.delete_user(run.session.user_id)
    who = f"The user {run.session.email} that was made for this check"
    if answer is None:
        return f"{who} remains; with KEYTURN_SECRET_KEY set the check deletes it."
    if answer.status not in {200, 204}:
        return f"{who} could not be deleted: {complaint(answer)}."
    return f"{who} was deleted."
