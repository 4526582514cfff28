"""Findings about Edge Functions: the main script, its key set, and what functions can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import RemoveSetting
from keyturn.deploy.inventory import Document, Kind
from keyturn.doctor.credentials import Shape
from keyturn.doctor.facts import ProbeFacts
from keyturn.doctor.finding import Confidence, Facts, Needs, Seen, Severity
from keyturn.doctor.holdings import (
    compose_only,
    es256_in_use,
    gateway_documents,
    is_true,
    key_set,
    legacy_gone,
    main_script,
    opaque_keys,
    place_of,
    places_of,
    secret_of,
    secret_setting,
)
from keyturn.doctor.mending import give
from keyturn.doctor.row import row

_NAME: Final = "SUPABASE_JWKS"


def _verifies(facts: Facts) -> bool:
    return is_true(facts.inventory.of_kind(Kind.FUNCTIONS), "VERIFY_JWT")


def _is_hs256_only(script: Document | None) -> bool:
    """Whether it is the main script from before 2026: one secret, no key set."""
    source = script.text or "" if script is not None else ""
    new = ("SUPABASE_JWKS", "createRemoteJWKSet", "createLocalJWKSet", "jwks.json")
    return "JWT_SECRET" in source and not any(word in source for word in new)


def _old_script(facts: Facts) -> Iterator[Seen]:
    service, script = facts.inventory.of_kind(Kind.FUNCTIONS), main_script(facts.inventory)
    if service is None or script is None or not _verifies(facts):
        return
    if _is_hs256_only(script) and es256_in_use(facts.inventory):
        yield Seen(
            f"{script.path} verifies with JWT_SECRET only, and ES256 tokens are in use.",
            (script.place,),
            service.name,
        )


def _no_key_set(facts: Facts) -> Iterator[Seen]:
    service, script = facts.inventory.of_kind(Kind.FUNCTIONS), main_script(facts.inventory)
    if service is None or not es256_in_use(facts.inventory) or service.get("JWT_JWKS"):
        return
    source = script.text or "" if script is not None else ""
    held = key_set(facts.inventory, Kind.FUNCTIONS)
    usable = held is not None and held.document.shape is Shape.SET and held.document.asymmetric
    braces = held is not None and held.document.surplus
    if usable or braces or _is_hs256_only(script) or "createRemoteJWKSet" in source:
        return
    off = service.commented.get(_NAME)
    state = "is commented out" if off else "is not set" if held is None else "is not a key set"
    setting = service.get(_NAME)
    yield Seen(
        f"{_NAME} of {service.name} {state}, and ES256 tokens are in use.",
        ((off.place,) if off else ()) + places_of(setting) or (service.place,),
        service.name,
        fix=f"Write under its environment, then recreate it:\n  {_NAME}: ${{JWT_JWKS}}",
        edits=give(facts.inventory, service, _NAME, "JWT_JWKS") if setting is None else (),
        safe=setting is None,
        severity=None if _verifies(facts) else Severity.WARNING,
    )


def _hs256_to_key_set(facts: Facts) -> Iterator[Seen]:
    service, script = facts.inventory.of_kind(Kind.FUNCTIONS), main_script(facts.inventory)
    held = key_set(facts.inventory, Kind.FUNCTIONS)
    source = script.text or "" if script is not None else ""
    if service is None or script is None or held is None or not held.document.symmetric:
        return
    if "createLocalJWKSet" in source and "HS256" not in source and _verifies(facts):
        yield Seen(
            f"{script.path} hands every token to its JWKS, which holds an oct key.",
            (script.place, *places_of(held.setting)),
            service.name,
        )


def _conflicting(facts: Facts) -> Iterator[Seen]:
    if isinstance(facts.probes, ProbeFacts):
        for answer in facts.probes.answers:
            if answer.message and "Conflicting API keys" in answer.message:
                yield Seen(
                    f"{answer.service.value} answered {answer.status} to "
                    f"{answer.credential.value}: {answer.message}",
                    service=answer.service.value,
                )


def _ignores_gateway_key(facts: Facts) -> Iterator[Seen]:
    service, script = facts.inventory.of_kind(Kind.FUNCTIONS), main_script(facts.inventory)
    if service is None or not _verifies(facts) or not opaque_keys(facts.inventory):
        return
    files = gateway_documents(facts.inventory)
    if files and not any("sb-api-key" in (one.text or "") for one in files):
        yield Seen(
            "VERIFY_JWT is true, sb_ keys are in use, and the gateway sends no sb-api-key.",
            tuple(one.place for one in files),
            service.name,
        )
    if script is not None and "sb-api-key" not in (script.text or ""):
        yield Seen(
            f"VERIFY_JWT is true, sb_ keys are in use, and {script.path} does not look at "
            "sb-api-key.",
            (script.place, *places_of(service.get("VERIFY_JWT"))),
            service.name,
        )


def _readable_secret(facts: Facts) -> Iterator[Seen]:
    inventory = facts.inventory
    service = inventory.of_kind(Kind.FUNCTIONS)
    if service is None or not legacy_gone(inventory):
        return
    others = [secret_of(inventory, k) for k in (Kind.REALTIME, Kind.STORAGE, Kind.AUTH)]
    held = key_set(inventory, Kind.FUNCTIONS)
    octs = [key.secret for key in held.document.symmetric] if held is not None else []
    if held is not None and octs:
        yield Seen(
            f"{held.name} still holds an oct key, which every function can read.",
            places_of(held.setting),
            service.name,
        )
    setting = secret_setting(inventory, Kind.FUNCTIONS)
    if setting is not None and secret_of(inventory, Kind.FUNCTIONS) in others:
        yield Seen(
            f"{setting.name} of {service.name} is a secret that other services still accept "
            f"({place_of(setting)}).",
            places_of(setting),
            service.name,
            edits=compose_only(inventory, RemoveSetting(service.name, setting.name)),
        )


RULES: Final = (
    row(
        6,
        "The main script of Edge Functions knows HS256 only",
        Severity.ERROR,
        _old_script,
        why="The script is a file of yours that an image update does not touch. The old one takes "
        "every token for HS256 and answers 401 to ES256.",
        fix="Take volumes/functions/main/index.ts of the current release and set "
        "SUPABASE_JWKS: ${JWT_JWKS}.",
        symptoms=(
            "Key for the ES256 algorithm must be of type CryptoKey",
            "Invalid JWT",
        ),
        sources=("edge-runtime#654", "supabase#42244", "supabase#42810"),
    ),
    row(
        7,
        "Edge Functions have no usable key set",
        Severity.ERROR,
        _no_key_set,
        why='Without SUPABASE_JWKS in the form {"keys":[…]} the main script has no ES256, and it '
        "says so to each request only.",
        fix="Set SUPABASE_JWKS: ${JWT_JWKS} and recreate the service.",
        symptoms=("UNAUTHORIZED_ASYMMETRIC_JWT",),
        sources=("supabase#45635",),
        mends=True,
    ),
    row(
        8,
        "The main script looks for HS256 tokens in its JWKS",
        Severity.ERROR,
        _hs256_to_key_set,
        confidence=Confidence.LIKELY,
        why="jose's key set functions refuse oct keys, so every legacy key gets an error.",
        fix="Send HS256 to JWT_SECRET and the rest to the key set, as the current main script "
        "does.",
        symptoms=('Unsupported "alg" value for a JSON Web Key Set',),
        sources=("supabase#42755",),
    ),
    row(
        30,
        "A client sends one sb_ key as apikey and another as bearer",
        Severity.ERROR,
        _conflicting,
        needs=Needs.PROBE,
        why="Envoy refuses a functions request whose two keys differ: usually a stale key in the "
        "client's configuration.",
        fix="Send the sb_ key as apikey only.",
        symptoms=("Conflicting API keys",),
        sources=("compose lds template",),
    ),
    row(
        31,
        "Edge Functions refuse clients that have an sb_ key only",
        Severity.ERROR,
        _ignores_gateway_key,
        confidence=Confidence.LIKELY,
        why="Current clients send sb_ keys as apikey and no Authorization; the gateway turns that "
        "into sb-api-key, which only the main script of autumn 2026 reads.",
        fix="Take the current volumes/functions/main/index.ts, or set FUNCTIONS_VERIFY_JWT=false.",
        symptoms=("UNAUTHORIZED_NO_AUTH_HEADER",),
        sources=("supabase#46667",),
    ),
    row(
        47,
        "Functions can read a secret that signs tokens",
        Severity.WARNING,
        _readable_secret,
        why="Every function gets the whole environment. After the move to ES256 an oct key or "
        "JWT_SECRET there is a token mint with no use.",
        fix="Give Edge Functions a JWKS with public keys only, and take JWT_SECRET out.",
        sources=("main/index.ts", "supabase#45635"),
    ),
)
