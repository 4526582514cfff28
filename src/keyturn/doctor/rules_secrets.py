"""Findings about the shared secret JWT_SECRET and its rendering as an oct key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting
from keyturn.doctor.finding import Confidence, Facts, Seen, Severity
from keyturn.doctor.holdings import (
    SECRETS,
    accepted_keys,
    is_true,
    legacy_gone,
    legacy_keys,
    legacy_setting,
    named,
    octets,
    place_of,
    places_of,
    secret_of,
    secret_setting,
)
from keyturn.doctor.row import row
from keyturn.doctor.well_known import is_known_secret

SHORTEST: Final = 32
"""Characters: what PostgREST 13 and RFC 7518 §3.2 (256 bits) ask for."""
_FEWEST_DISTINCT: Final = 10
_PLACEHOLDERS: Final = ("your", "change", "replace", "insert", "example", "todo")


def _no_secret(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.REST)
    setting = service.get("PGRST_JWT_SECRET") if service is not None else None
    if service is None or (setting is not None and setting.is_set):
        return
    wired = setting is not None and any(one.name == "JWT_SECRET" for one in setting.variables)
    yield Seen(
        f"{service.name} gets no PGRST_JWT_SECRET"
        + (": JWT_SECRET, from which it is taken, is empty." if wired else "."),
        places_of(setting) or (service.place,),
        service.name,
        fix="Give JWT_SECRET its value in .env, and recreate the service."
        if wired
        else "Write under its environment:\n  PGRST_JWT_SECRET: ${JWT_JWKS:-${JWT_SECRET}}",
    )


def _too_short_for_postgrest(inventory: Inventory) -> Setting | None:
    service = inventory.of_kind(Kind.REST)
    setting = secret_setting(inventory, Kind.REST)
    old = service is not None and service.version is not None and service.version < (13,)
    short = setting is not None and len(octets(setting) or b"") < SHORTEST
    return setting if short and not old else None


def _short_for_postgrest(facts: Facts) -> Iterator[Seen]:
    setting = _too_short_for_postgrest(facts.inventory)
    if setting is not None:
        length = len(octets(setting) or b"")
        yield Seen(f"PGRST_JWT_SECRET has {length} characters.", places_of(setting), _rest(facts))


def _rest(facts: Facts) -> str | None:
    service = facts.inventory.of_kind(Kind.REST)
    return service.name if service is not None else None


def _weak(facts: Facts) -> Iterator[Seen]:
    setting = legacy_setting(facts.inventory)
    value = text(setting) if setting is not None else None
    if setting is None or not value or is_known_secret(value):
        return
    problem = None
    if len(value) < SHORTEST and _too_short_for_postgrest(facts.inventory) is None:
        problem = f"has {len(value)} characters"
    elif len(set(value)) < _FEWEST_DISTINCT:
        problem = f"has only {len(set(value))} different characters"
    elif value.lower().startswith(_PLACEHOLDERS):
        problem = "looks like a placeholder"
    if problem:
        yield Seen(f"{named(setting)} {problem}.", places_of(setting))


def _fragile(facts: Facts) -> Iterator[Seen]:
    setting = legacy_setting(facts.inventory)
    value = text(setting) if setting is not None else None
    if setting is None or not value:
        return
    here = place_of(setting)
    cut = [
        note
        for note in facts.inventory.notes
        if note.code == "unset_variable"
        and note.place is not None
        and (note.place.file, note.place.line) == (here.file, here.line)
    ]
    problem = None
    if cut:
        problem = "holds a $ that Compose expands to nothing, so the secret is shorter than written"
    elif value[0] in "'\"" and value[-1] == value[0]:
        problem = "includes its quotes"
    elif any(character in value for character in "$`\\"):
        problem = "holds $, ` or \\"
    elif value != value.strip() or " #" in value or "\n" in value:
        problem = "holds white space"
    if problem:
        yield Seen(f"{named(setting)} {problem}.", places_of(setting))


def _secrets_differ(facts: Facts) -> Iterator[Seen]:
    inventory = facts.inventory
    accepted = accepted_keys(inventory)
    keys = [k for k in legacy_keys(inventory) if inventory.gateway is None or k.text in accepted]
    held = {kind: secret for kind in SECRETS if (secret := secret_of(inventory, kind))}
    for key in keys[:1]:
        right = [kind for kind, secret in held.items() if key.jwt and key.jwt.signed_with(secret)]
        for kind in held if right else ():
            setting, service = secret_setting(inventory, kind), inventory.of_kind(kind)
            if kind not in right and setting is not None and service is not None:
                yield Seen(
                    f"{setting.name} of {service.name} is another secret than {right[0].value}'s, "
                    f"which signed {key.name}.",
                    places_of(setting),
                    service.name,
                )
        yield from _no_secret_for(facts, key.name)


def _no_secret_for(facts: Facts, key: str) -> Iterator[Seen]:
    """Yield the services that verify HS256 with a secret of their own and get none."""
    functions = facts.inventory.of_kind(Kind.FUNCTIONS)
    kinds = (Kind.REALTIME, *((Kind.FUNCTIONS,) if is_true(functions, "VERIFY_JWT") else ()))
    for kind in kinds:
        service, name = facts.inventory.of_kind(kind), SECRETS[kind][0]
        if service is not None and secret_setting(facts.inventory, kind) is None:
            yield Seen(
                f"{service.name} gets no {name}, and {key} is still accepted.",
                places_of(service.get(name)) or (service.place,),
                service.name,
            )


def _still_open(facts: Facts) -> Iterator[Seen]:
    inventory = facts.inventory
    if not legacy_gone(inventory):
        return
    secrets = {kind: secret_of(inventory, kind) for kind in SECRETS}
    variable = inventory.variable("JWT_SECRET")
    old = (text(variable) or "").encode()
    for kind in (Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS):
        service, setting = inventory.of_kind(kind), secret_setting(inventory, kind)
        others = [k for k, s in secrets.items() if k is not kind and s and s == secrets[kind]]
        if service is None or setting is None or not (others or secrets[kind] == old):
            continue
        yield Seen(
            f"{service.name} still accepts every HS256 token signed with {named(setting)}; the "
            "JWKS no longer has that secret.",
            places_of(setting),
            service.name,
        )


RULES: Final = (
    row(
        39,
        "PostgREST has no JWT secret",
        Severity.ERROR,
        _no_secret,
        why="It then answers 500 to every request with a bearer token.",
        fix="Give it PGRST_JWT_SECRET.",
        symptoms=("Server lacks JWT secret",),
        sources=("supabase#43939",),
    ),
    row(
        40,
        "PostgREST does not start with so short a secret",
        Severity.ERROR,
        _short_for_postgrest,
        confidence=Confidence.LIKELY,
        why="Since version 13 a text secret under 32 bytes is fatal at start.",
        fix="Make a JWT_SECRET of at least 32 characters and sign ANON_KEY and SERVICE_ROLE_KEY "
        "anew with it; every session ends. Or give PostgREST a JWKS.",
        symptoms=("The JWT secret must be at least 32 characters long.",),
        sources=("PostgREST 13 changelog",),
    ),
    row(
        60,
        "JWT_SECRET can be guessed",
        Severity.WARNING,
        _weak,
        confidence=Confidence.LIKELY,
        why="Every token carries what is needed to try secrets offline, and whoever finds it "
        "signs a service_role token.",
        fix="Replace it by 32 random bytes in base64. Going to ES256 first spares your users the "
        "sign-out: then only legacy tokens hang on it.",
        sources=("RFC 7518 §3.2",),
    ),
    row(
        61,
        "JWT_SECRET is spelt so that programs read it differently",
        Severity.WARNING,
        _fragile,
        why="Compose interprets quotes, $ and #; the scripts that make keys read the raw line. "
        "One of them then signs with another secret than the services verify with.",
        fix="Use letters, digits, - and _ only. While this secret is in use, write it between "
        "single quotes and compute keys from what the container gets.",
        sources=("compose-go dotenv", "add-new-auth-keys.sh"),
    ),
    row(
        75,
        "Services are given different JWT secrets",
        Severity.ERROR,
        _secrets_differ,
        why="The legacy key works at one service and gets 401 or 403 at the next.",
        fix="Give every service the same secret (in a compose file ${JWT_SECRET}), and recreate "
        "those that change.",
        symptoms=("{:error, :signature_error}", "signature verification failed"),
        sources=("supabase#17164", "supabase#35459"),
    ),
    row(
        89,
        "The legacy secret left the JWKS but still opens services",
        Severity.WARNING,
        _still_open,
        why="Storage, Realtime and Edge Functions verify HS256 with their own secret and never "
        "look at the oct key. Whoever knows the old secret still signs service_role tokens for "
        "them.",
        fix="Give Storage and Realtime a new random secret each (AUTH_JWT_SECRET, "
        "API_JWT_SECRET), take JWT_SECRET from Functions, and renew the health token.",
        sources=("storage jwt.ts", "realtime jwt_verification.ex", "main/index.ts"),
    ),
)
