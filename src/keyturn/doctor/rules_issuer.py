"""Findings about the issuer: where Auth says it is, and where others look for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.doctor.facts import ProbeFacts
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import places_of, signing_key
from keyturn.doctor.row import row


def _no_issuer(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.AUTH)
    if service is None or signing_key(facts.inventory) is None:
        return
    setting = service.get("GOTRUE_JWT_ISSUER")
    if setting is None or not setting.is_set:
        yield Seen(
            f"{service.name} signs ES256 and has no GOTRUE_JWT_ISSUER.",
            places_of(setting) or (service.place,),
            service.name,
            fix="Write under its environment:\n  GOTRUE_JWT_ISSUER: ${API_EXTERNAL_URL}\n"
            "with API_EXTERNAL_URL ending in /auth/v1.",
        )


def _discovery(facts: Facts) -> Iterator[Seen]:
    yield from _no_issuer(facts)
    seen = facts.probes.discovery if isinstance(facts.probes, ProbeFacts) else {}
    uri = seen.get("jwks_uri")
    if isinstance(uri, str) and not uri.startswith(("http://", "https://")):
        yield Seen("The discovery document names its JWKS by a relative URL.", service="auth")


def _issuers(facts: Facts) -> Iterator[Seen]:
    auth = facts.inventory.of_kind(Kind.AUTH)
    own = auth.get("GOTRUE_JWT_ISSUER") if auth is not None else None
    issuer = (text(own) or "").rstrip("/")
    if auth is None or own is None or not issuer:
        return
    if issuer.endswith("/auth/v1/auth/v1"):
        yield Seen("GOTRUE_JWT_ISSUER ends in /auth/v1 twice.", places_of(own), auth.name,
                   severity=Severity.ERROR)  # fmt: skip
    elif not issuer.endswith("/auth/v1") and signing_key(facts.inventory) is not None:
        yield Seen(
            "GOTRUE_JWT_ISSUER does not end in /auth/v1, where the gateway serves Auth.",
            places_of(own),
            auth.name,
        )
    gateway = facts.inventory.gateway
    other = gateway.get("JWT_ISSUER") if gateway is not None else None
    if gateway is not None and other is not None and (text(other) or "").rstrip("/") != issuer:
        yield Seen(
            f"JWT_ISSUER of {gateway.name} is not the issuer that {auth.name} writes.",
            places_of(other, own),
            gateway.name,
        )


RULES: Final = (
    row(
        41,
        "The OpenID discovery document has no absolute URLs",
        Severity.WARNING,
        _discovery,
        why="Auth builds every URL of the document from GOTRUE_JWT_ISSUER; without it they are "
        "relative and tokens carry no iss, so other backends cannot find or check the keys.",
        fix="Set GOTRUE_JWT_ISSUER to the public URL of Auth, ending in /auth/v1.",
        sources=("auth#2487", "supabase#46020"),
    ),
    row(
        74,
        "The issuer is not where Auth is served",
        Severity.WARNING,
        _issuers,
        why="Verifiers that discover keys append /.well-known/openid-configuration to iss, and "
        "compare iss letter by letter. Since July 2026 API_EXTERNAL_URL ends in /auth/v1.",
        fix="Use one issuer everywhere: the public URL of Auth, ending in /auth/v1 once.",
        sources=("supabase#47640", "orgs/supabase/discussions/47093"),
    ),
)
