"""Findings about API keys: legacy JWTs, ``sb_`` keys, and the ES256 JWTs behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from keyturn.clock import from_unix, unix
from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting
from keyturn.doctor.credentials import KeyDocument, Shape
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import (
    ANON,
    OPAQUE_PAIR,
    SECRETS,
    ApiKey,
    accepted_keys,
    api_keys,
    key_documents,
    key_sets,
    legacy_keys,
    legacy_setting,
    literal_keys,
    named,
    opaque_keys,
    places_of,
    secret_of,
    signing_key,
)
from keyturn.doctor.row import row
from keyturn.doctor.well_known import DEMO_EXPIRY, DEMO_ISSUER, is_known_opaque
from keyturn.jose.key import VerifyingKey

DAY: Final = 86_400
NEAR_DAYS: Final = 90


def _is_demo(key: ApiKey) -> bool:
    claims = key.jwt.claims if key.jwt is not None else {}
    return claims.get("iss") == DEMO_ISSUER and claims.get("exp") == DEMO_EXPIRY


def _unsigned(facts: Facts) -> Iterator[Seen]:
    inventory = facts.inventory
    storage = inventory.of_kind(Kind.STORAGE)
    secrets = [s for kind in SECRETS if (s := secret_of(inventory, kind))]
    octs = [k.secret for held in key_documents(inventory) for k in held.document.symmetric]
    known = [*secrets, *(secret for secret in octs if secret)]
    for key in api_keys(inventory):
        if storage is not None and key.service == storage.name:
            continue
        if key.jwt is None:
            yield Seen(f"{key.name} is not a JWT.", key.places, key.service)
        elif key.jwt.alg == "HS256" and known and not any(map(key.jwt.signed_with, known)):
            places = key.places + places_of(legacy_setting(inventory))
            yield Seen(f"{key.name} is not signed with the JWT_SECRET that is set.", places,
                       key.service)  # fmt: skip


def _demo(facts: Facts) -> Iterator[Seen]:
    days = (DEMO_EXPIRY - unix(facts.now)) // DAY
    when = f"in {days} days" if days > 0 else "today" if days == 0 else f"{-days} days ago"
    for key in api_keys(facts.inventory):
        if _is_demo(key):
            verb = "expires" if days >= 0 else "expired"
            yield Seen(
                f"{key.name} is the demo key of .env.example and {verb} on "
                f"2027-01-09T23:00:00Z, {when}.",
                key.places,
                key.service,
            )


def _lost_signer(facts: Facts) -> Iterator[Seen]:
    sets = [h for h in key_sets(facts.inventory) if h.document.asymmetric]
    signer = signing_key(facts.inventory)  # where that one is missing, KT062 and KT018 say so
    for key in api_keys(facts.inventory):
        if key.jwt is None or key.jwt.alg in ("HS256", None):
            continue
        jwt = key.jwt
        told = signer is not None and jwt.kid == signer.kid
        judged = [h for h in sets if not told or jwt.kid in h.document.kids]
        refusing = [h for h in judged if not any(jwt.verified_by(k) for k in _keys(h.document))]
        readable = [h for h in refusing if h.document.shape is Shape.SET and _keys(h.document)]
        if readable:
            named_there = jwt.kid in readable[0].document.kids
            problem = "is another key there" if named_there else "is not there"
            yield Seen(
                f'{key.name} is signed by "{jwt.kid}", which {problem}: {readable[0].name}.',
                key.places + places_of(readable[0].setting),
                key.service,
            )


def _keys(document: KeyDocument) -> tuple[VerifyingKey, ...]:
    return tuple(public for key in document.asymmetric if (public := key.public) is not None)


def _same_for_both(facts: Facts) -> Iterator[Seen]:
    by_role: dict[str, dict[str, ApiKey]] = {}
    for key in api_keys(facts.inventory):
        by_role.setdefault(key.text, {})[key.role] = key
    for roles in by_role.values():
        if len(roles) > 1:
            both = list(roles.values())
            yield Seen(
                f"{both[0].name} and {both[1].name} are the same key, of the role "
                f"{both[0].jwt.role if both[0].jwt else 'unknown'}.",
                both[0].places + both[1].places,
                both[0].service,
            )
    pair = opaque_keys(facts.inventory)
    if len(pair) == 2 and text(pair[0]) == text(pair[1]):
        yield Seen(f"{named(pair[0])} and {named(pair[1])} are the same key.", places_of(*pair))


def _well_known(facts: Facts) -> Iterator[Seen]:
    for setting in opaque_keys(facts.inventory):
        if is_known_opaque(text(setting) or ""):
            yield Seen(f"{named(setting)} is the fixed key of Supabase's CLI.", places_of(setting))


def _wrong_role(facts: Facts) -> Iterator[Seen]:
    keys = api_keys(facts.inventory)
    texts = [key.text for key in keys]
    for key in keys:
        if key.jwt is None or key.jwt.role == key.role or texts.count(key.text) > 1:
            continue
        role = key.jwt.role
        yield Seen(
            f"{key.name} names the role {json.dumps(role)}, not {key.role}.",
            key.places,
            key.service,
            severity=Severity.CRITICAL if key.role == ANON and role == "service_role" else None,
        )


def _expiring(facts: Facts) -> Iterator[Seen]:
    now = unix(facts.now)
    for key in api_keys(facts.inventory):
        if key.jwt is None or _is_demo(key):
            continue
        until = key.jwt.expires
        if until is None:
            yield Seen(f"{key.name} has no exp; Realtime asks for one.", key.places, key.service)
        elif until <= now:
            yield Seen(f"{key.name} expired on {from_unix(until):%Y-%m-%d}.", key.places,
                       key.service, severity=Severity.ERROR)  # fmt: skip
        elif until - now < NEAR_DAYS * DAY:
            days = (until - now) // DAY
            yield Seen(
                f"{key.name} expires on {from_unix(until):%Y-%m-%d}, in {days} days.",
                key.places,
                key.service,
            )


def _foreign(facts: Facts, kind: Kind, names: tuple[str, ...]) -> Iterator[Seen]:
    """Yield the API keys of a service that the gateway does not accept."""
    service, accepted = facts.inventory.of_kind(kind), accepted_keys(facts.inventory)
    literal = bool(literal_keys(facts.inventory))  # then KT093 says it, once
    for name in names if service is not None and accepted and not literal else ():
        setting = service.get(name) if service is not None else None
        if service is None or setting is None or not setting.is_set:
            continue
        if text(setting) not in accepted:
            yield Seen(
                f"{name} of {service.name} is none of the keys that the gateway accepts.",
                places_of(setting),
                service.name,
            )


def _studio(facts: Facts) -> Iterator[Seen]:
    return _foreign(facts, Kind.STUDIO, ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY"))


def _functions(facts: Facts) -> Iterator[Seen]:
    names = ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    return _foreign(facts, Kind.FUNCTIONS, names)


def _opaque_differ(facts: Facts) -> Iterator[Seen]:
    gateway = facts.inventory.gateway
    for name in OPAQUE_PAIR if gateway is not None else ():
        own = text(gateway.get(name)) if gateway is not None else None
        for kind, setting in _opaque_elsewhere(facts, name):
            if own and setting is not None and _default(setting) not in (own, "", None):
                yield Seen(
                    f"{setting.name} of {kind.value} is another key than {name} of the gateway.",
                    places_of(setting),
                    kind.value,
                )


def _opaque_elsewhere(facts: Facts, name: str) -> Iterator[tuple[Kind, Setting | None]]:
    studio, functions = (facts.inventory.of_kind(k) for k in (Kind.STUDIO, Kind.FUNCTIONS))
    yield Kind.STUDIO, studio.get(name) if studio is not None else None
    yield Kind.FUNCTIONS, functions.get(f"{name}S") if functions is not None else None


def _default(setting: Setting) -> str | None:
    """Return the key itself, or the member ``default`` of a JSON object of keys."""
    value = (text(setting) or "").strip()
    if not value.startswith("{"):
        return value
    try:
        found = json.loads(value).get("default")
    except (ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _hard_coded(facts: Facts) -> Iterator[Seen]:
    literals = literal_keys(facts.inventory)
    gateway = facts.inventory.gateway
    for key in legacy_keys(facts.inventory) if literals and gateway is not None else ():
        if key.text not in accepted_keys(facts.inventory):
            mounts = tuple(one.place for one in gateway.documents) if gateway is not None else ()
            yield Seen(
                f"The gateway's file holds keys of its own, and {key.name} is none of them.",
                key.places + mounts,
                gateway.name if gateway is not None else None,
            )


RULES: Final = (
    row(
        21,
        "Studio uses an API key that the gateway does not accept",
        Severity.ERROR,
        _studio,
        why="Studio asks Auth and Storage through the gateway; its pages stay empty or fail.",
        fix="Give Studio what the gateway has: ${ANON_KEY} and ${SERVICE_ROLE_KEY}, or once those "
        "are gone SUPABASE_PUBLISHABLE_KEY and SUPABASE_SECRET_KEY. An ES256 JWT is no apikey.",
        sources=("supabase#44055",),
    ),
    row(
        44,
        "A legacy API key is not signed with JWT_SECRET",
        Severity.ERROR,
        _unsigned,
        why="The gateway lets it pass, because it only compares texts; then every service refuses "
        "the signature.",
        fix="Sign ANON_KEY and SERVICE_ROLE_KEY anew with the secret that the services get, both "
        "at once, and recreate the services.",
        symptoms=("JWSError JWSInvalidSignature", "invalid signature"),
        sources=("supabase#17164", "supabase#28611"),
    ),
    row(
        45,
        "Edge Functions use an API key that the gateway does not accept",
        Severity.ERROR,
        _functions,
        why="An apikey must be, letter by letter, one that the gateway has; a JWT with a role of "
        "your own belongs into Authorization.",
        fix="Give functions the gateway's keys, and send custom tokens as Authorization: Bearer.",
        symptoms=("Invalid authentication credentials",),
        sources=("supabase#38911", "supabase#38611"),
    ),
    row(
        48,
        "A demo API key is in use, and it ends in January 2027",
        Severity.ERROR,
        _demo,
        why="The keys of .env.example carry exp 1799535600 and a signature that everybody can "
        "make. On 9 January 2027 at 23:00 UTC every client that has one gets 401.",
        fix="Make your own JWT_SECRET, ANON_KEY and SERVICE_ROLE_KEY, or go to sb_ keys.",
        symptoms=("JWT expired",),
        sources=("docker/.env.example",),
    ),
    row(
        49,
        "The JWT behind an sb_ key is signed by a key that is gone",
        Severity.ERROR,
        _lost_signer,
        why="The gateway replaces sb_ keys by these JWTs. When their signing key leaves the JWKS, "
        "all traffic with sb_ keys gets 401.",
        fix="Sign ANON_KEY_ASYMMETRIC and SERVICE_ROLE_KEY_ASYMMETRIC with the key in use, and "
        "recreate the gateway, before an old key is removed.",
        symptoms=("No suitable key was found to decode the JWT",),
        sources=("kong-entrypoint.sh", "envoy lds.template.yaml"),
    ),
    row(
        54,
        "The key for browsers is the key for servers",
        Severity.CRITICAL,
        _same_for_both,
        why="Everybody who opens the web page gets the key that passes every row level security "
        "policy.",
        fix="Make two keys, and take the leaked one out of use at once.",
        sources=("Dokploy/dokploy#2867",),
    ),
    row(
        56,
        "A world-known sb_ key is in use",
        Severity.CRITICAL,
        _well_known,
        why="Supabase's CLI uses these two fixed keys on every laptop.",
        fix="Make your own: `keyturn apikeys create`, or utils/rotate-new-api-keys.sh.",
        sources=("supabase/cli",),
    ),
    row(
        58,
        "An API key names another role than its variable",
        Severity.ERROR,
        _wrong_role,
        why="The services follow the role in the token, not the name of the variable.",
        fix="Sign the key anew: anon for ANON_KEY, service_role for SERVICE_ROLE_KEY.",
        sources=("supabase/docker generate-keys.sh",),
    ),
    row(
        59,
        "An API key expires soon, or has expired",
        Severity.WARNING,
        _expiring,
        why="An expired API key is refused everywhere at the same second, also in apps that you "
        "cannot update at once.",
        fix="Go to sb_ keys, which do not expire, or sign a new key and bring it to every client.",
        symptoms=("JWT expired",),
        sources=("supabase-kubernetes#236",),
    ),
    row(
        76,
        "Services are given different sb_ keys",
        Severity.ERROR,
        _opaque_differ,
        why="The gateway refuses, or takes for another role, what the service sends.",
        fix="Write ${SUPABASE_PUBLISHABLE_KEY} and ${SUPABASE_SECRET_KEY} at every service.",
        symptoms=("Invalid API key",),
        sources=("compose of March 2026",),
    ),
    row(
        93,
        "The gateway's file holds other API keys than .env",
        Severity.ERROR,
        _hard_coded,
        why="Kong's file of 2023 carries the keys themselves. When only .env changes, the gateway "
        "goes on accepting the old ones and refuses the new.",
        fix="Write the same keys into kong.yml, or take the file of a later version, which reads "
        "them from the environment.",
        symptoms=("Invalid authentication credentials",),
        sources=("compose of January 2023",),
    ),
)
