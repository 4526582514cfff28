"""Findings about the gateway: which keys it takes, what it puts in their place, what it exposes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.doctor.credentials import Shape
from keyturn.doctor.facts import LogFacts, ProbeFacts
from keyturn.doctor.finding import Confidence, Facts, Needs, Seen, Severity
from keyturn.doctor.holdings import (
    ASYMMETRIC_PAIR,
    OPAQUE_PAIR,
    accepted_legacy,
    es256_in_use,
    gateway_documents,
    key_set,
    opaque_keys,
    places_of,
    serves_jwks,
    signing_key,
)
from keyturn.doctor.row import row

CLOSED: Final = (401, 403, 404)


def mounts(facts: Facts) -> tuple[Place, ...]:
    return tuple(one.place for one in gateway_documents(facts.inventory))


def routes_of(facts: Facts) -> str:
    """Return the text of every file of the gateway that has routes."""
    return "\n".join(one.text or "" for one in gateway_documents(facts.inventory))


def gateway_name(facts: Facts) -> str | None:
    gateway = facts.inventory.gateway
    return gateway.name if gateway is not None else None


def _no_jwks_route(facts: Facts) -> Iterator[Seen]:
    routes = routes_of(facts)
    if routes and not serves_jwks(routes) and signing_key(facts.inventory) is not None:
        yield Seen(
            "The gateway's file has no open route for /auth/v1/.well-known/jwks.json.",
            mounts(facts),
            gateway_name(facts),
        )
    if isinstance(facts.probes, ProbeFacts) and facts.probes.jwks_status in (401, 403):
        yield Seen(
            f"{facts.probes.url} answered {facts.probes.jwks_status} to the JWKS without a key.",
            mounts(facts),
            gateway_name(facts),
        )


def _translates(routes: str) -> bool:
    return any(word in routes for word in ("LUA_AUTH_EXPR", "ASYMMETRIC", "sb_secret_"))


def _names_opaque(routes: str) -> bool:
    return "PUBLISHABLE_KEY" in routes or "sb_publishable_" in routes


def _untranslated(facts: Facts) -> Iterator[Seen]:
    routes = routes_of(facts)
    if opaque_keys(facts.inventory) and _names_opaque(routes) and not _translates(routes):
        yield Seen(
            "The gateway's file accepts sb_ keys and passes them on as they are.",
            mounts(facts),
            gateway_name(facts),
        )
    for sentence, message in _answers(facts):
        if "Expected 3 parts in JWT; got 1" in (message or ""):
            yield Seen(f"PostgREST was given an sb_ key as a token: {sentence}.", service="rest")


def _answers(facts: Facts) -> Iterator[tuple[str, str | None]]:
    if isinstance(facts.probes, ProbeFacts):
        for one in facts.probes.answers:
            yield (
                f"{one.service.value} answered {one.status} to {one.credential.value}",
                one.message,
            )


def _older_than_opaque(facts: Facts) -> Iterator[Seen]:
    gateway, routes = facts.inventory.gateway, routes_of(facts)
    variable = facts.inventory.variable("SUPABASE_PUBLISHABLE_KEY")
    if gateway is None or variable is None or not variable.value:
        return
    unset = not opaque_keys(facts.inventory)
    if (routes and not _names_opaque(routes)) or (unset and not routes):
        places = mounts(facts) or (gateway.place,)
        yield Seen(
            f"There is an sb_ key in .env, and {gateway.name} knows nothing of such keys.",
            places + ((variable.place,) if variable.place else ()),
            gateway.name,
        )


def _socket_key(facts: Facts) -> Iterator[Seen]:
    routes = routes_of(facts)
    if opaque_keys(facts.inventory) and _translates(routes) and "x-api-key" not in routes:
        yield Seen(
            "The gateway's file puts no x-api-key on the way to Realtime's socket.",
            mounts(facts),
            gateway_name(facts),
        )


def _incomplete(facts: Facts) -> Iterator[Seen]:
    gateway = facts.inventory.gateway
    if gateway is None:
        return
    names = (*OPAQUE_PAIR, *ASYMMETRIC_PAIR)
    given = {name: gateway.get(name) for name in names}
    filled = [name for name, setting in given.items() if setting is not None and setting.is_set]
    empty = [name for name in names if name not in filled]
    if filled and empty:
        settings = [setting for name in empty if (setting := given[name]) is not None]
        yield Seen(
            f"{gateway.name} has {', '.join(filled)}, and not {', '.join(empty)}.",
            places_of(*settings) or (gateway.place,),
            gateway.name,
        )


def _bad_url(facts: Facts) -> Iterator[Seen]:
    auth, gateway = facts.inventory.of_kind(Kind.AUTH), facts.inventory.gateway
    for service, name in ((gateway, "JWT_ISSUER"), (auth, "API_EXTERNAL_URL")):
        setting = service.get(name) if service is not None else None
        value = (text(setting) or "").lower()
        if service is not None and setting is not None and not re.match(r"https?://[^/]", value):
            fault = "does not start with http:// or https://" if value else "is empty"
            yield Seen(
                f"{name} of {service.name} {fault}.",
                places_of(setting),
                service.name,
            )
            return


def _open_tenants(facts: Facts) -> Iterator[Seen]:
    routes = routes_of(facts)
    if "/realtime/v1/api" in routes and "/realtime/v1/api/tenants" not in routes:
        yield Seen(
            "The gateway's file passes /realtime/v1/api/tenants on to Realtime.",
            mounts(facts),
            gateway_name(facts),
        )
    status = facts.probes.tenants_api_status if isinstance(facts.probes, ProbeFacts) else None
    if status is not None and status not in CLOSED:
        yield Seen(
            f"/realtime/v1/api/tenants answered {status} to the anon key.",
            mounts(facts),
            gateway_name(facts),
            confidence=Confidence.CERTAIN,
        )


def _legacy_accepted(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.REST)
    legacy = accepted_legacy(facts.inventory)
    keyless = held is not None and held.document.shape is Shape.SET and not held.document.symmetric
    told = held is not None and not held.document.asymmetric and es256_in_use(facts.inventory)
    if held is not None and legacy and keyless and not told:
        yield Seen(
            f"The gateway accepts {legacy[0].name}, and {held.name} has no oct key.",
            places_of(held.setting, *legacy),
            gateway_name(facts),
        )


def _root_refused(facts: Facts) -> Iterator[Seen]:
    count = facts.logs.refused.get("/rest/v1/", 0) if isinstance(facts.logs, LogFacts) else 0
    if count:
        yield Seen(
            f"{count} requests to /rest/v1/ itself were refused.", mounts(facts),
            gateway_name(facts),
        )  # fmt: skip


RULES: Final = (
    row(
        14,
        "The gateway does not serve the JWKS openly",
        Severity.ERROR,
        _no_jwks_route,
        confidence=Confidence.LIKELY,
        why="Backends and clients that verify tokens themselves fetch it without an API key and "
        "get 401.",
        fix="Take kong.yml or lds.template.yaml of a release since March 2026, or add a route for "
        "/auth/v1/.well-known/jwks.json without key-auth.",
        sources=("compose of March 2026",),
    ),
    row(
        15,
        "The gateway passes sb_ keys on instead of translating them",
        Severity.ERROR,
        _untranslated,
        confidence=Confidence.LIKELY,
        why="An sb_ key is no JWT: PostgREST counts its parts and refuses it.",
        fix="Take the gateway files of the current release together with their entrypoint, and "
        "send requests through the gateway.",
        symptoms=("Expected 3 parts in JWT; got 1",),
        sources=("supabase-py#1228",),
    ),
    row(
        17,
        "Realtime's socket gets sb_ keys untranslated",
        Severity.ERROR,
        _socket_key,
        confidence=Confidence.LIKELY,
        why="Realtime reads x-api-key, else ?apikey=; without translation it finds sb_… there and "
        "refuses the socket.",
        fix="Take the gateway files of the current release.",
        symptoms=("The token provided is not a valid JWT", "MalformedJWT"),
        sources=("realtime#1561", "cli#4219"),
    ),
    row(
        28,
        "Clients ask for the OpenAPI root, which is for secret keys only",
        Severity.NOTICE,
        _root_refused,
        needs=Needs.LOGS,
        why="Since summer 2026 the gateways answer 403 on /rest/v1/ to anon and publishable keys, "
        "because it lists every table.",
        fix="Ask for /rest/v1/TABLE, or use the secret key from a server.",
        symptoms=("RBAC: access denied",),
        sources=("orgs/supabase/discussions/42949",),
    ),
    row(
        29,
        "The gateway has some of the four values for sb_ keys",
        Severity.ERROR,
        _incomplete,
        why="Envoy turns sb_ keys off unless all four are filled; Kong turns them on with the two "
        "sb_ keys and then forwards an empty token.",
        fix="Fill SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY, ANON_KEY_ASYMMETRIC and "
        "SERVICE_ROLE_KEY_ASYMMETRIC, then `docker compose up -d`.",
        symptoms=(
            "legacy API key mode (sb_ keys disabled)",
            "Empty JWT is sent in Authorization header",
        ),
        sources=("kong-entrypoint.sh", "envoy docker-entrypoint.sh"),
    ),
    row(
        42,
        "A URL of the deployment is no URL",
        Severity.ERROR,
        _bad_url,
        why="Auth writes broken links and a broken issuer, and the entrypoint of a current gateway "
        "exits.",
        fix="Write API_EXTERNAL_URL=https://HOST/auth/v1 in .env.",
        symptoms=("JWT_ISSUER must start with http",),
        sources=("envoy docker-entrypoint.sh",),
    ),
    row(
        46,
        "Anybody with the anon key can change Realtime's tenants",
        Severity.CRITICAL,
        _open_tenants,
        confidence=Confidence.LIKELY,
        why="Realtime's admin API accepts every token that API_JWT_SECRET signed, and the anon key "
        "is one: a stranger can read and replace the secrets and keys of the tenant.",
        fix="Take the current kong.yml, or add before the route /realtime/v1/api a route for "
        "/realtime/v1/api/tenants with request-termination and status 403.",
        sources=("realtime router.ex:169",),
    ),
    row(
        85,
        "The gateway's files are older than sb_ keys",
        Severity.ERROR,
        _older_than_opaque,
        confidence=Confidence.LIKELY,
        why="The gateway answers 401 to a key that it has never heard of.",
        fix="Take the gateway's files and settings of the current release.",
        symptoms=("Invalid authentication credentials",),
        sources=("supabase#43554",),
    ),
    row(
        88,
        "The gateway accepts legacy keys that PostgREST refuses",
        Severity.ERROR,
        _legacy_accepted,
        why="The oct key is gone from the JWKS, so the request passes the gateway and gets 401 "
        "behind it; clients cannot tell what is wrong.",
        fix="Empty ANON_KEY and SERVICE_ROLE_KEY in the same step as the oct key leaves, so that "
        "clients get a clear 401 from the gateway; or put the oct key back.",
        symptoms=("No suitable key was found to decode the JWT",),
        sources=("PostgREST 13 changelog",),
    ),
)
