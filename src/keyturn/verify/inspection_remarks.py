"""What a careful reader notices in a token that nobody has verified, one row per remark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected, shown
from keyturn.verify import claims as rules
from keyturn.verify.finding import Finding
from keyturn.verify.moments import moment, span

LONG_LIFE: Final = 24 * 3600
"""Seconds; an access token is meant to live an hour, and a stolen one lives to its end."""
LARGE: Final = 4096
"""Bytes; proxies commonly allow 8 KB for all headers together."""
DEMO_ISSUER: Final = "supabase-demo"
LEGACY_ISSUERS: Final = frozenset({"supabase", DEMO_ISSUER})
PRIVILEGED_ROLES: Final = frozenset({"service_role", "supabase_admin", "postgres"})
_REMOTE_KEYS: Final = ("jku", "jwk", "x5u", "x5c")
_BY_HEADER_NAME: Final = {name: row for row in ALGORITHMS.values() for name in row.header_names}


@dataclass(frozen=True)
class Facts:
    """What remarks look at."""

    header: Mapping[str, object]
    claims: Mapping[str, object] = field(repr=False)
    times: Mapping[str, float]
    """The usable time claims, Unix seconds."""
    signature: bytes | None = field(repr=False)
    size: int
    now: float

    @property
    def alg(self) -> object:
        """The header's algorithm as it is."""
        return self.header.get("alg")

    @property
    def life(self) -> float | None:
        """Seconds from ``iat`` to ``exp``."""
        issued, expires = self.times.get("iat"), self.times.get("exp")
        return None if issued is None or expires is None else expires - issued

    @property
    def is_legacy_key(self) -> bool:
        """Whether it looks like a legacy API key: the stack as issuer, and nobody as subject."""
        return self.claims.get("iss") in tuple(LEGACY_ISSUERS) and "sub" not in self.claims


def remarks(facts: Facts) -> Iterator[Finding]:
    """Yield every remark that applies, the gravest kinds first."""
    for look in _ROWS:
        remark = look(facts)
        if remark is not None:
            yield remark


def _unsigned(facts: Facts) -> Finding | None:
    if isinstance(facts.alg, str) and facts.alg.lower() == "none":
        return Finding(
            "alg_none",
            "The token says that it is unsigned: anybody could have written it.",
            found=shown(facts.alg),
            expected=", ".join(ALGORITHMS),
            hint="Whoever accepts it lets everybody in. Find out where it came from.",
        )
    return None


def _foreign_algorithm(facts: Facts) -> Finding | None:
    known = isinstance(facts.alg, str) and facts.alg in _BY_HEADER_NAME
    if known or _unsigned(facts):
        return None
    return Finding(
        "alg_unknown",
        "No Supabase service accepts this algorithm everywhere, nor does Keyturn.",
        found=shown(facts.alg) if "alg" in facts.header else "no alg",
        expected=", ".join(ALGORITHMS),
    )


def _shared_secret(facts: Facts) -> Finding | None:
    row = _BY_HEADER_NAME.get(facts.alg) if isinstance(facts.alg, str) else None
    if row is None or not row.symmetric:
        return None
    return Finding(
        "shared_secret",
        "It is signed with a shared secret: every service that can verify it can also forge it.",
        found=row.name,
        expected=", ".join(name for name, other in ALGORITHMS.items() if not other.symmetric),
        hint="Turn to a key pair: `keyturn keys list` shows the next step.",
    )


def _no_kid(facts: Facts) -> Finding | None:
    row = _BY_HEADER_NAME.get(facts.alg) if isinstance(facts.alg, str) else None
    if "kid" in facts.header or row is None or row.symmetric:
        return None
    return Finding(
        "kid_missing",
        "The token does not name its key, so verifiers cannot choose one.",
        found="no kid",
        expected="the kid of a key in the JWKS",
    )


def _brings_a_key(facts: Facts) -> Finding | None:
    found = [name for name in _REMOTE_KEYS if name in facts.header]
    if not found:
        return None
    return Finding(
        "key_in_header",
        "The token brings its own key, or says where to fetch it: a mark of forgeries.",
        found=", ".join(found),
        expected="a kid",
        hint="A verifier that follows it can be made to accept anything; Keyturn never looks.",
    )


def _demo_key(facts: Facts) -> Finding | None:
    if facts.claims.get("iss") != DEMO_ISSUER:
        return None
    return Finding(
        "demo_key",
        "This is one of the demo keys of Supabase's documentation: its secret is public.",
        found=f'iss "{DEMO_ISSUER}"',
        hint="Replace it and the JWT_SECRET now; anybody can sign tokens for that deployment.",
    )


def _legacy_key(facts: Facts) -> Finding | None:
    if not facts.is_legacy_key:
        return None
    return Finding(
        "legacy_api_key",
        "It looks like a legacy API key, not like a user's token.",
        found=f"role {shown(facts.claims.get('role'))}",
        hint="It stops working when the JWT_SECRET is revoked. `keyturn apikeys create` makes new "
        "ones.",
    )


def _privileged(facts: Facts) -> Finding | None:
    role = facts.claims.get("role")
    if not isinstance(role, str) or role not in PRIVILEGED_ROLES:
        return None
    return Finding(
        "privileged_role",
        "Its role is not bound by row-level security: whoever has it can read everything.",
        found=f'role "{role}"',
        hint="It must never reach a browser, an app or a log.",
    )


def _bad_claims(facts: Facts) -> Finding | None:
    for name in ("exp", "nbf", "iat"):
        try:
            rules.numeric_date(facts.claims, name)
        except TokenRejected as wrong:
            return Finding.of(wrong)
    try:
        rules.audiences(facts.claims)
    except TokenRejected as wrong:
        return Finding.of(wrong)
    return None


def _no_end(facts: Facts) -> Finding | None:
    if "exp" in facts.claims:
        return None
    return Finding(
        "no_expiry",
        "The token never expires; verifiers refuse it.",
        found="no exp",
        expected="a time in seconds since 1970",
    )


def _expired(facts: Facts) -> Finding | None:
    expires = facts.times.get("exp")
    if expires is None or expires > facts.now:
        return None
    return Finding(
        "token_expired",
        f"The token expired {span(facts.now - expires)} ago.",
        found=f"exp {moment(expires)}",
        hint="Refresh the session for a new one; if that one is expired too, compare clocks.",
    )


def _ahead(facts: Facts) -> Finding | None:
    for name, code in (("nbf", "token_not_yet_valid"), ("iat", "issued_in_future")):
        begins = facts.times.get(name)
        if begins is not None and begins > facts.now:
            return Finding(
                code,
                f"Its {name} lies {span(begins - facts.now)} ahead of this machine's clock.",
                found=f"{name} {moment(begins)}",
                hint="Compare the clocks of issuer and verifier.",
            )
    return None


def _long_life(facts: Facts) -> Finding | None:
    if facts.life is None or facts.life <= LONG_LIFE:
        return None
    return Finding(
        "long_life",
        f"It lives {span(facts.life)}; a stolen one works until then or until its key is revoked.",
        found=span(facts.life),
        expected=f"at most {span(LONG_LIFE)}",
    )


def _nobody_named(facts: Facts) -> Finding | None:
    missing = [name for name in ("iss", "aud") if name not in facts.claims]
    if not missing:
        return None
    return Finding(
        "unbound",
        "It does not say who issued it or for whom; any service that trusts the key may accept it.",
        found=f"no {' and no '.join(missing)}",
        expected="iss and aud",
    )


def _large(facts: Facts) -> Finding | None:
    if facts.size <= LARGE:
        return None
    return Finding(
        "large",
        "Proxies may refuse a request whose headers are this long.",
        found=f"{facts.size} bytes",
        expected=f"at most {LARGE} bytes",
        hint="Most of it is usually user_metadata or app_metadata; keep pictures and lists out.",
    )


def _other_kind(facts: Facts) -> Finding | None:
    kind = facts.header.get("typ", "JWT")
    if isinstance(kind, str) and kind.lower() == "jwt" and "cty" not in facts.header:
        return None
    return Finding(
        "other_kind",
        "It is another kind of token than an access token.",
        found=f"typ {shown(kind)}" if "cty" not in facts.header else "cty",
        expected="typ JWT",
    )


def _extensions(facts: Facts) -> Finding | None:
    found = sorted({"crit", "b64"} & facts.header.keys())
    if not found:
        return None
    return Finding(
        "critical_header",
        "Its header demands an extension; Keyturn implements none and refuses it.",
        found=", ".join(found),
    )


_ROWS: Final[tuple[Callable[[Facts], Finding | None], ...]] = (
    _unsigned,
    _foreign_algorithm,
    _brings_a_key,
    _extensions,
    _demo_key,
    _privileged,
    _shared_secret,
    _no_kid,
    _bad_claims,
    _no_end,
    _expired,
    _ahead,
    _long_life,
    _legacy_key,
    _nobody_named,
    _other_kind,
    _large,
)
