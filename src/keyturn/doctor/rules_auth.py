"""Findings about the keys that Auth signs with and publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Kind, Service
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting
from keyturn.doctor.credentials import Jwk, Shape
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import (
    AUTH_KEYS,
    Held,
    accepted_legacy,
    asymmetric_api_jwts,
    auth_keys,
    holders,
    key_documents,
    key_sets,
    octets,
    places_of,
    places_of_group,
    secret_setting,
    shared,
    signing_key,
)
from keyturn.doctor.mending import give, set_keys, with_keys
from keyturn.doctor.row import row
from keyturn.jose import base64url

SPELLINGS: Final = ("GOTRUE_JWT_VALIDMETHODS", "GOTRUE_JWT_VALID_METHODS")
RENAMED_IN: Final = (2, 187, 0)
"""Auth reads the first spelling before this version, the second from it on (auth#2334)."""
_DEFAULT_ALGS: Final = {"P-256": "ES256", "P-521": "ES512", "Ed25519": "EdDSA"}


def _array(facts: Facts) -> Held | None:
    """Return Auth's keys when they are a filled array of JWKs."""
    held = auth_keys(facts.inventory)
    good = held is not None and held.document.shape is Shape.ARRAY and held.document.keys
    return held if good else None


def _is_article(held: Held) -> bool:
    """Whether the keys are in the article's form, about which KT070 speaks."""
    return any("private_key" in key.members for key in held.document.keys)


def _signers(facts: Facts) -> Iterator[Seen]:
    held = _array(facts)
    if held is None or _is_article(held):
        return
    signers = [key for key in held.document.keys if key.signs]
    if len(signers) != 1:
        names = ", ".join(key.label for key in signers)
        yield Seen(
            f'{held.name} has {len(signers)} keys with "sign" in key_ops'
            + (f": {names}." if names else "."),
            places_of(held.setting),
            held.service.name,
        )


def _hs256_unlisted(facts: Facts) -> Iterator[Seen]:
    held = _array(facts)
    legacy = accepted_legacy(facts.inventory)
    if held is None or not legacy or _is_article(held) or _spelling(held.service) is not None:
        return
    override = _methods(held.service)
    if override is not None:
        yield from _overridden(held, override, "HS256")
    elif not held.document.symmetric:
        secret = secret_setting(facts.inventory, Kind.AUTH)
        raw = octets(secret)
        oct_key = {"kty": "oct", "k": base64url.encode(raw or b"").decode(), "alg": "HS256"}
        keys = [dict(key.members) for key in held.document.keys] + [oct_key]
        yield Seen(
            f"{held.name} has no oct key, and the gateway still accepts {legacy[0].name}.",
            places_of(held.setting, *legacy),
            held.service.name,
            edits=set_keys(facts.inventory, held.setting, keys) if raw else (),
            safe=bool(raw),
        )


def _overridden(held: Held, override: Setting, alg: str) -> Iterator[Seen]:
    listed = [one.strip() for one in (text(override) or "").split(",")]
    if any(listed) and alg not in listed:
        yield Seen(
            f"{override.name} of {held.service.name} does not list {alg}.",
            places_of(override),
            held.service.name,
            fix=f"Write every algorithm that is in use:\n  {override.name}: HS256,ES256",
        )


def _methods_spelling(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.AUTH)
    wrong = _spelling(service) if service is not None else None
    setting = service.get(wrong) if service is not None and wrong else None
    if service is not None and setting is not None:
        right = next(name for name in SPELLINGS if name != wrong)
        yield Seen(
            f"{service.name} {_version(service)} does not read {wrong}, its name there is {right}.",
            places_of(setting),
            service.name,
            fix=f"Set both spellings:\n  {right}: {setting.template or 'HS256,ES256'}",
        )


def _unlisted(facts: Facts) -> Iterator[Seen]:
    yield from _methods_spelling(facts)
    yield from _hs256_unlisted(facts)


def _spelling(service: Service) -> str | None:
    """Return the spelling that this version does not read, when only that one is set."""
    given = [name for name in SPELLINGS if service.get(name) is not None]
    if len(given) != 1 or service.version is None:
        return None
    read = SPELLINGS[service.version >= RENAMED_IN]
    return given[0] if given[0] != read else None


def _methods(service: Service) -> Setting | None:
    return next((s for name in SPELLINGS if (s := service.get(name)) and s.is_set), None)


def _version(service: Service) -> str:
    return ".".join(map(str, service.version or ()))


def _no_alg(facts: Facts) -> Iterator[Seen]:
    held = _array(facts)
    if held is None or _is_article(held):
        return
    bare = [key for key in held.document.keys if not key.text("alg")]
    if bare:
        yield Seen(
            f"{bare[0].label} in {held.name} has no alg.",
            places_of(held.setting),
            held.service.name,
            edits=set_keys(facts.inventory, held.setting, with_keys(held.document, _with_alg)),
            safe=True,
        )


def _es256_unknown(facts: Facts) -> Iterator[Seen]:
    yield from _no_alg(facts)
    signer, keys = signing_key(facts.inventory), auth_keys(facts.inventory)
    override = _methods(keys.service) if keys is not None and signer is not None else None
    if keys is not None and signer is not None and override is not None:
        yield from _overridden(keys, override, signer.text("alg") or "ES256")
    auth, held = facts.inventory.of_kind(Kind.AUTH), auth_keys(facts.inventory)
    tokens = asymmetric_api_jwts(facts.inventory)
    bare = held is None or (held.document.shape is Shape.ARRAY and not held.document.keys)
    if auth is None or not tokens or not bare:
        return
    off = auth.commented.get(AUTH_KEYS)
    yield Seen(
        f"The gateway puts {tokens[0].name} in place of sb_ keys, and {auth.name} has no "
        f"{AUTH_KEYS} to verify it.",
        ((off.place,) if off else (auth.place,)) + places_of(*tokens),
        auth.name,
        fix=f"Write under the environment of {auth.name}, then recreate it:\n"
        f"  {AUTH_KEYS}: ${{JWT_KEYS:-[]}}",
        edits=give(facts.inventory, auth, AUTH_KEYS, "JWT_KEYS"),
    )


def _with_alg(key: Jwk) -> dict[str, object]:
    guess = "HS256" if key.is_symmetric else _DEFAULT_ALGS.get(key.text("crv") or "", "RS256")
    return {**key.members, "alg": key.text("alg") or guess}


def _nothing_published(facts: Facts) -> Iterator[Seen]:
    held = _array(facts)
    if held is not None and not held.document.asymmetric and not _is_article(held):
        yield Seen(
            f"{held.name} holds only oct keys, which are never published.",
            places_of(held.setting),
            held.service.name,
        )


def _duplicate_kids(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        counts = Counter(key.kid for key in group[0].document.keys if key.kid)
        twice = [kid for kid, count in counts.items() if count > 1]
        if twice:
            yield Seen(
                f'The kid "{twice[0]}" occurs {counts[twice[0]]} times for {holders(group)}.',
                places_of_group(group),
                group[0].service.name,
            )


def _no_kid(facts: Facts) -> Iterator[Seen]:
    held = _array(facts)
    if held is None or _is_article(held):
        return
    bare = [key for key in held.document.asymmetric if not key.kid]
    if bare:
        yield Seen(
            f"{held.name} has {bare[0].text('kty')} keys without kid: {len(bare)}.",
            places_of(held.setting),
            held.service.name,
        )


def _no_standby(facts: Facts) -> Iterator[Seen]:
    key = signing_key(facts.inventory)
    held = auth_keys(facts.inventory)
    sets = [one.document for one in key_sets(facts.inventory)]
    if (
        key is None
        or held is None
        or any(len(one.asymmetric) > 1 for one in (held.document, *sets))
    ):
        return
    yield Seen(
        f"{key.label} is the only key pair in {held.name} and in every JWKS.",
        places_of(held.setting),
        held.service.name,
    )


_FUNCTIONS_ALGS: Final = ("ES256", "RS256", "HS256")


def _unknown_alg(facts: Facts) -> Iterator[Seen]:
    key, held = signing_key(facts.inventory), auth_keys(facts.inventory)
    functions = facts.inventory.of_kind(Kind.FUNCTIONS)
    alg = key.text("alg") if key is not None else None
    if held is not None and functions is not None and alg and alg not in _FUNCTIONS_ALGS:
        yield Seen(
            f"Auth signs {alg}; the main script of {functions.name} knows "
            f"{', '.join(_FUNCTIONS_ALGS)}.",
            places_of(held.setting),
            functions.name,
        )


RULES: Final = (
    row(
        9,
        "Auth has no signing key, or more than one",
        Severity.ERROR,
        _signers,
        why='Auth signs with the one key whose key_ops holds "sign" and exits at start when '
        "there is none or a second one.",
        fix='Leave "key_ops":["sign","verify"] on the key that signs and write '
        '"key_ops":["verify"] on every other.',
        symptoms=(
            "no signing key detected",
            "multiple signing keys detected, only 1 signing key is supported",
        ),
        sources=("auth conf/jwk.go:86",),
    ),
    row(
        11,
        "Auth refuses HS256 while legacy keys are still in use",
        Severity.ERROR,
        _unlisted,
        why="Auth accepts the algorithms of its keys and no other. Without an oct key it answers "
        "403 to every legacy service_role key and to every session signed before the change. "
        "The override is GOTRUE_JWT_VALIDMETHODS up to 2.186 and GOTRUE_JWT_VALID_METHODS from "
        "2.187.0 on.",
        fix="Add the oct key, k = base64url(JWT_SECRET) without padding, to JWT_KEYS until nobody "
        "uses legacy keys; if you override the algorithms, set both spellings.",
        symptoms=("signing method HS256 is invalid",),
        sources=("supabase#42037", "auth#2403", "cli#4817"),
        mends=True,
    ),
    row(
        12,
        "Auth cannot verify the ES256 tokens that reach it",
        Severity.ERROR,
        _es256_unknown,
        why="A key without alg is taken for HS256: Auth starts, publishes it, and fails on the "
        "first token. Without GOTRUE_JWT_KEYS it knows no ES256 at all.",
        fix="Give every JWK its alg (ES256 for P-256), hand the array to Auth, recreate it.",
        symptoms=(
            "signing method ES256 is invalid",
            "key is of invalid type: HMAC sign expects []byte",
        ),
        sources=("cli#4488", "auth conf/jwk.go:217"),
        mends=True,
    ),
    row(
        13,
        "Auth's JWKS endpoint is empty although it has keys",
        Severity.WARNING,
        _nothing_published,
        why="The endpoint publishes public halves only. A client or a backend that verifies "
        "against it finds no key and refuses every token.",
        fix="Put a key pair into JWT_KEYS (verify-only at first), or leave GOTRUE_JWT_KEYS out.",
        symptoms=('{"keys":[]}',),
        sources=("supabase#40915", "cli#4614"),
    ),
    row(
        66,
        "Two keys have the same kid",
        Severity.ERROR,
        _duplicate_kids,
        why="Auth keeps its keys by kid, so the last one wins; verifiers take the first, or all. "
        "Tokens of one of the two are refused.",
        fix="Give every key its own kid.",
        sources=("auth conf/jwk.go:77", "RFC 7517 §4.5"),
    ),
    row(
        67,
        "A key pair of Auth has no kid",
        Severity.ERROR,
        _no_kid,
        why="Auth keeps its keys by kid (two without one overwrite each other), and its tokens "
        "then name no key: Realtime refuses them, Storage and Auth find no key.",
        fix="Give it a kid, the same in JWT_KEYS and JWT_JWKS; its RFC 7638 thumbprint is a good "
        "one.",
        symptoms=("unrecognized JWT kid",),
        sources=("auth conf/jwk.go", "realtime jwt_verification.ex"),
    ),
    row(
        73,
        "No standby key is published",
        Severity.NOTICE,
        _no_standby,
        why="If the one key leaks, its successor must first reach every verifier and cache before "
        "it may sign: an outage, or minutes in which the stolen key still works.",
        fix='Add a second key with "key_ops":["verify"] to JWT_KEYS and its public half to '
        "JWT_JWKS: `keyturn rotate` prepares one.",
        sources=("Supabase signing keys guide",),
    ),
    row(
        87,
        "Auth signs with an algorithm that Edge Functions do not know",
        Severity.ERROR,
        _unknown_alg,
        why="Auth can sign ES512, RS512 and EdDSA; the main script of Edge Functions verifies "
        "ES256, RS256 and HS256 only.",
        fix="Sign with ES256.",
        symptoms=("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM",),
        sources=("main/index.ts", "auth 2.196"),
    ),
)
