"""Who is signed in: one-time links, and sessions in signed cookies.

Both are JWTs of Keyturn's own strict core, signed with a key that is derived from the master key.
They end with the process that accepted them: a link or cookie from before its start is refused, so
what was used or signed out is remembered completely, in memory.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from keyturn.clock import Clock
from keyturn.console.errors import BadLink, NotSignedIn
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

Role = Literal["full", "read_only"]

LINK_LIFE: Final = timedelta(minutes=10)
IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
_RENEW_AFTER: Final = timedelta(minutes=1)
_LINK: Final = "keyturn-console-link"
_SESSION: Final = "keyturn-console-session"
_ID_BYTES: Final = 16
_LONGEST: Final = 2048


@dataclass(frozen=True)
class Session:
    """One person's visit; ``actor`` is the name in the audit log."""

    id: str
    actor: str
    role: Role
    started: datetime
    seen: datetime

    @property
    def may_change(self) -> bool:
        """Whether actions are allowed."""
        return self.role == "full"

    @property
    def ends(self) -> datetime:
        """The absolute end, whatever is done."""
        return self.started + ABSOLUTE


def mint_link(
    key: SigningKey, *, now: datetime, entropy: Callable[[int], bytes], actor: str, role: Role
) -> str:
    """Return the token of a link that signs ``actor`` in, once, within ten minutes."""
    claims = {
        "aud": _LINK,
        "sub": actor,
        "role": role,
        "jti": _name(entropy),
        "iat": now.timestamp(),
        "exp": (now + LINK_LIFE).timestamp(),
    }
    return encode(claims, key)


class Sessions:
    """Opens, reads and closes sessions; one per process."""

    def __init__(self, key: SigningKey, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._key = key
        self._known = KeySet((key.verifying_key(),))
        self._clock = clock
        self._entropy = entropy
        self._started = clock()
        self._ended: dict[str, datetime] = {}
        """Used links and closed sessions, each until it would have expired by itself."""

    def open(self, link: str) -> Session:
        """Return a new session for ``link`` and use the link up; raises :class:`BadLink`."""
        now = self._clock()
        try:
            claims = self._read(link, _LINK, now)
        except TokenRejected:
            raise BadLink from None
        name = str(claims["jti"])
        if name in self._ended:
            raise BadLink
        self._end(name, now + LINK_LIFE)
        return self.begin(str(claims["sub"]), _role(claims))

    def begin(self, actor: str, role: Role = "full") -> Session:
        """Return a new session for somebody who was let in."""
        now = self._clock()
        return Session(_name(self._entropy), actor, role, now, now)

    def read(self, cookie: str | None) -> Session:
        """Return the session of ``cookie``; raises :class:`NotSignedIn`."""
        now = self._clock()
        try:
            claims = self._read(cookie or "", _SESSION, now)
        except TokenRejected:
            raise NotSignedIn from None
        session = Session(
            str(claims["jti"]), str(claims["sub"]), _role(claims), _time(claims, "start"),
            _time(claims, "iat"),
        )  # fmt: skip
        self.still(session)
        return session

    def still(self, session: Session) -> None:
        """Raise :class:`NotSignedIn` when ``session`` was closed meanwhile."""
        if session.id in self._ended:
            raise NotSignedIn

    def cookie(self, session: Session) -> str:
        """Return the signed text of ``session``; it expires after thirty idle minutes."""
        # The absolute end is in the cookie as well, so nothing else has to look at it.
        expires = min(session.seen + IDLE, session.ends)
        claims = {
            "aud": _SESSION,
            "sub": session.actor,
            "role": session.role,
            "jti": session.id,
            "start": session.started.timestamp(),
            "iat": session.seen.timestamp(),
            "exp": expires.timestamp(),
        }
        return encode(claims, self._key)

    def renewed(self, session: Session) -> Session | None:
        """Return ``session`` as seen now, or None when its cookie is young enough."""
        now = self._clock()
        return replace(session, seen=now) if now - session.seen >= _RENEW_AFTER else None

    def close(self, session: Session) -> None:
        """End ``session`` for every copy of its cookie."""
        self._end(session.id, session.ends)

    def csrf(self, session: Session) -> str:
        """Return the word that every form of ``session`` carries; no other site can know it."""
        return urlsafe_b64encode(self._key.sign(b"csrf." + session.id.encode())).decode()

    def csrf_fits(self, session: Session, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.csrf(session).encode(), given.encode())

    def _read(self, text: str, audience: str, now: datetime) -> Mapping[str, object]:
        policy = Policy(
            algorithms=frozenset({self._key.alg}),
            issuer=None,
            audience=audience,
            require=frozenset({"exp", "iat", "sub", "jti", "role"}),
            max_token_bytes=_LONGEST,
        )
        claims = verify(text, self._known, policy, now=now)
        begun = claims.get("start", claims["iat"])
        if not isinstance(begun, int | float) or begun < self._started.timestamp():
            raise TokenRejected("it is from before this process")
        return claims

    def _end(self, name: str, until: datetime) -> None:
        now = self._clock()
        self._ended = {known: end for known, end in self._ended.items() if end > now}
        self._ended[name] = until


def _role(claims: Mapping[str, object]) -> Role:
    return "full" if claims["role"] == "full" else "read_only"


def _time(claims: Mapping[str, object], name: str) -> datetime:
    value = claims[name]
    if not isinstance(value, int | float):
        raise NotSignedIn
    return datetime.fromtimestamp(value, UTC)


def _name(entropy: Callable[[int], bytes]) -> str:
    return urlsafe_b64encode(entropy(_ID_BYTES)).decode().rstrip("=")
