"""Who is calling: the bearer token of a request, verified and matched with the database."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyturn.accounts.errors import refuse, row
from keyturn.accounts.identifiers import uuid_text
from keyturn.flows.plane import Admin, AuthPlane, Caller
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

_BEARER = re.compile(r"bearer (\S+)", re.IGNORECASE)
_LONGEST_TOKEN = 65_536
# GoTrue checks neither issuer nor audience and does not require ``exp`` (gotrue.md §1.4): API keys
# minted by hand have neither. A signature by a key of the ring and the times are what counts.
_POLICY = Policy(
    algorithms=frozenset(ALGORITHMS),
    issuer=None,
    audience=None,
    require=frozenset(),
    max_token_bytes=_LONGEST_TOKEN,
)


def claims_of(plane: AuthPlane, authorization: str | None) -> Mapping[str, object]:
    """Return the verified claims of an ``Authorization`` header value.

    Raises ``no_authorization`` (401) without a bearer token and ``bad_jwt`` (403) with a bad one.
    """
    match = _BEARER.fullmatch(authorization or "")
    if match is None:
        raise refuse("no_authorization")
    try:
        return verify(match[1], plane.ring.current().key_set(), _POLICY, now=plane.clock())
    except TokenRejected as rejected:
        general = row("bad_jwt").message
        raise refuse("bad_jwt", f"{general}, {rejected.message}") from None


async def authenticate(plane: AuthPlane, authorization: str | None) -> Caller:
    """Return the user that a request speaks for, in one round trip.

    ``authorization`` is the whole header value. The account and, when the token names one, the
    session have to exist: signing out and deleting take effect at once. Raises the rows of
    gotrue.md §1.4.
    """
    claims = claims_of(plane, authorization)
    if not claims.get("sub"):
        raise refuse("missing_sub")
    return await _loaded(plane, claims)


async def authenticate_admin(plane: AuthPlane, authorization: str | None) -> Admin:
    """Return the administrator that a request speaks for; no round trip for an API key's token.

    The ``role`` claim decides. A token that names a session is only as good as that session.
    Raises ``not_admin`` (403), ``jwt_session_over`` (403) and what :func:`authenticate` raises.
    """
    claims = claims_of(plane, authorization)
    if claims.get("role") not in plane.settings.admin_roles:
        raise refuse("not_admin")
    if not claims.get("session_id"):
        return Admin(claims)
    caller = await _loaded(plane, claims)
    if caller.session is not None and await plane.accounts.session_end(
        caller.user.id, caller.session.id, plane.settings, plane.clock()
    ):
        raise refuse("jwt_session_over")
    return Admin(claims, caller.user)


def audience(plane: AuthPlane, header: str | None, claims: Mapping[str, object] | None) -> str:
    """Return the audience that a request is about (``X-JWT-AUD``, then the token's, then ours).

    The audience of an administrator's token does not count: administrators look after all users.
    """
    if header:
        return header
    if claims and claims.get("role") not in plane.settings.admin_roles:
        aud = claims.get("aud")
        named = aud[0] if isinstance(aud, list) and aud else aud
        if isinstance(named, str) and named:
            return named
    return plane.settings.jwt_aud


async def _loaded(plane: AuthPlane, claims: Mapping[str, object]) -> Caller:
    user_id = uuid_text(claims.get("sub"))
    if user_id is None:
        raise refuse("sub_not_uuid")
    session_id = None
    if named := claims.get("session_id"):
        session_id = uuid_text(named)
        if session_id is None:
            raise refuse("session_not_uuid")
    user, session = await plane.accounts.caller(user_id, session_id)
    if user is None:
        raise refuse("jwt_user_not_found")
    if session_id is not None and session is None:
        raise refuse("jwt_session_not_found")
    if user.banned_at(plane.clock()):
        raise refuse("jwt_user_banned")
    return Caller(claims, user, session)
