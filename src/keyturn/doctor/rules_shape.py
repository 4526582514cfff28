"""Findings about the shape of key documents: JSON, JWKS, array, names, base64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import RemoveSetting
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.doctor.credentials import Shape
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import (
    AUTH_KEYS,
    Held,
    auth_keys,
    compose_only,
    holders,
    key_documents,
    key_set,
    key_sets,
    place_of,
    places_of,
    places_of_group,
    shared,
)
from keyturn.doctor.mending import set_keys, set_text
from keyturn.doctor.row import row

_WHOLE_SET: Final = '{"keys":[…]}'


def _stray_braces(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        surplus = group[0].document.surplus
        if surplus:
            value = (text(group[0].setting) or "").strip()[:-surplus].rstrip()
            braces = "a stray brace" if surplus == 1 else f"{surplus} stray braces"
            yield Seen(
                f"The value for {holders(group)} is JSON followed by {braces}.",
                places_of_group(group),
                group[0].service.name,
                edits=set_text(facts.inventory, group[0].setting, value),
                safe=True,
            )


def _storage_not_json(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.STORAGE)
    if held is not None and _is_broken(held):
        yield Seen(
            f"{held.name} is not JSON, so the container exits at start.",
            places_of(held.setting),
            held.service.name,
        )


def _realtime_not_json(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.REALTIME)
    if held is None or not (_is_broken(held) or held.document.shape is Shape.EMPTY):
        return
    empty = held.document.shape is Shape.EMPTY
    line = f'  {held.setting.name}: ${{JWT_JWKS:-{{"keys":[]}}}}'
    yield Seen(
        f"{held.name} is {'set to nothing' if empty else 'not JSON'}.",
        places_of(held.setting),
        held.service.name,
        fix=f"Make JWT_JWKS one line of JSON, or take the line out while there is none:\n{line}",
        edits=compose_only(facts.inventory, RemoveSetting(held.service.name, held.setting.name))
        if empty
        else (),
        safe=empty,
    )


def _realtime_array(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.REALTIME)
    if held is not None and held.document.shape is Shape.ARRAY:
        yield _wrapped(facts.inventory, held, "is an array; Realtime casts it to a map and stops")


def _other_shape(facts: Facts) -> Iterator[Seen]:
    for held in key_sets(facts.inventory):
        shape = held.document.shape
        if held.kind is Kind.STORAGE and shape in (Shape.ARRAY, Shape.KEY, Shape.OBJECT):
            yield _wrapped(facts.inventory, held, f"is {shape.value}, so no key in it is found")
        if held.kind is Kind.REALTIME and shape in (Shape.KEY, Shape.OBJECT):
            yield _wrapped(facts.inventory, held, f"is {shape.value}, so no key in it is found")


def _wrapped(inventory: Inventory, held: Held, problem: str) -> Seen:
    keys = [dict(key.members) for key in held.document.keys]
    alone = _is_alone(inventory, held)
    return Seen(
        f"{held.name} {problem}.",
        places_of(held.setting),
        held.service.name,
        fix=f"Write the keys as {_WHOLE_SET}, on one line.",
        edits=set_keys(inventory, held.setting, {"keys": keys}) if alone and keys else (),
        safe=alone and bool(keys),
    )


def _is_alone(inventory: Inventory, held: Held) -> bool:
    """Whether Auth's array is not the very same variable."""
    own = auth_keys(inventory)
    return own is None or place_of(own.setting) != place_of(held.setting)


def _keys_not_an_array(facts: Facts) -> Iterator[Seen]:
    held = auth_keys(facts.inventory)
    if held is not None and held.document.shape in (Shape.SET, Shape.KEY, Shape.OBJECT):
        keys = [dict(key.members) for key in held.document.keys]
        private = any(key.is_private for key in held.document.keys)
        yield Seen(
            f"{held.name} is {held.document.shape.value}, not an array.",
            places_of(held.setting),
            held.service.name,
            edits=set_keys(facts.inventory, held.setting, keys) if private else (),
            safe=private,
        )


def _keys_not_json(facts: Facts) -> Iterator[Seen]:
    held = auth_keys(facts.inventory)
    if held is None:
        return
    shape = held.document.shape
    if shape is Shape.EMPTY:
        yield Seen(
            f"{held.name} is set to nothing.",
            places_of(held.setting),
            held.service.name,
            fix=f"Write `{AUTH_KEYS}: ${{JWT_KEYS:-[]}}`, or take the line out.",
            edits=compose_only(facts.inventory, RemoveSetting(held.service.name, AUTH_KEYS)),
            safe=True,
        )
    elif shape is Shape.TEXT or (shape is Shape.MALFORMED and not held.document.surplus):
        what = "a PEM text" if "-----BEGIN" in (text(held.setting) or "") else "not JSON"
        yield Seen(f"{held.name} is {what}.", places_of(held.setting), held.service.name)


def _silent_hmac(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.REST)
    if held is None or held.document.surplus:
        return
    problem = _unreadable_for_postgrest(held)
    if problem:
        yield Seen(
            f"{held.name} {problem}: PostgREST uses the whole text as an HS256 secret.",
            places_of(held.setting),
            held.service.name,
        )


def _unreadable_for_postgrest(held: Held) -> str | None:
    document = held.document
    if document.shape is Shape.MALFORMED:
        return "is not JSON"
    if document.shape in (Shape.ARRAY, Shape.OBJECT):
        return f"is {document.shape.value} instead of a JWKS"
    for key in document.keys:
        use = key.members.get("use", "sig")
        if key.misspelt:
            return f"has a key ({key.label}) whose {key.misspelt[0]} is not base64url"
        if use not in ("sig", "enc"):
            return f'has a key ({key.label}) with an unknown "use"'
        if "kid" in key.members and key.text("kid") is None:
            return "has a key whose kid is not text"
    return None


def _is_broken(held: Held) -> bool:
    """Whether it is no JSON for another reason than a stray brace (KT001 says that)."""
    document = held.document
    broken = document.shape in (Shape.MALFORMED, Shape.TEXT)
    return broken and not document.surplus


RULES: Final = (
    row(
        1,
        "A JWKS ends in stray braces",
        Severity.ERROR,
        _stray_braces,
        why="Old docker-compose and podman-compose before 1.6 add a brace when they read "
        '${JWT_JWKS:-{"keys":[]}}. PostgREST then takes the text for a shared secret and refuses '
        "every token, Storage exits, Realtime restarts for ever, Functions forget ES256.",
        fix="Write ${JWT_JWKS} without a default, end the value at its last matching brace, and "
        "recreate the services. Check with `docker inspect` what the container got.",
        symptoms=("No suitable key or wrong key type",),
        sources=("supabase#44754", "PostgREST Config.hs"),
        mends=True,
    ),
    row(
        2,
        "Storage's JWT_JWKS is not JSON",
        Severity.ERROR,
        _storage_not_json,
        why="Storage parses it at start and exits when it cannot.",
        fix="Put the JWKS on one line, between single quotes if it holds spaces:\n"
        '  JWT_JWKS={"keys":[…]}',
        symptoms=("Unable to parse JWT_JWKS value to JSON",),
        sources=("storage 1.74",),
    ),
    row(
        3,
        "Realtime's API_JWT_JWKS is empty or not JSON",
        Severity.ERROR,
        _realtime_not_json,
        why="Realtime decodes it when it seeds its tenant and stops with an exception, again and "
        "again. Unset is fine; empty is not.",
        fix="Give it one line of JSON, or do not set it.",
        symptoms=("Jason.DecodeError",),
        sources=("realtime 2.129.8 seeds.exs",),
        mends=True,
    ),
    row(
        4,
        "Realtime's API_JWT_JWKS is an array",
        Severity.ERROR,
        _realtime_array,
        why="The tenant's jwt_jwks is a map; seeding fails and the container restarts for ever.",
        fix=f"Write the keys as {_WHOLE_SET}. The bare array is the form of GOTRUE_JWT_KEYS only.",
        symptoms=("is invalid, type: :map",),
        sources=("realtime#1269",),
        mends=True,
    ),
    row(
        10,
        "Auth's GOTRUE_JWT_KEYS is not an array",
        Severity.ERROR,
        _keys_not_an_array,
        why="Auth exits at start: it reads an array of private JWKs, not a JWKS object.",
        fix='Write [{…},{…}] instead of {"keys":[{…},{…}]}.',
        symptoms=("cannot unmarshal object into Go value of type []",),
        sources=("supabase#42037", "auth conf/jwk.go"),
        mends=True,
    ),
    row(
        53,
        "PostgREST takes an unreadable JWKS for a shared secret",
        Severity.CRITICAL,
        _silent_hmac,
        why="A JWKS with one malformed key is no error to PostgREST: the whole text becomes an "
        "HS256 secret. Every real token is refused, and whoever knows the text, which is meant "
        "to be public, can sign a service_role token.",
        fix="Write a JWKS whose every key parses; Keyturn names the part that does not.",
        symptoms=("No suitable key or wrong key type",),
        sources=("PostgREST Config.hs:559", "tekul/jose-jwt Jwk.hs"),
    ),
    row(
        86,
        "Auth's GOTRUE_JWT_KEYS is empty or not JSON",
        Severity.ERROR,
        _keys_not_json,
        why="Auth parses it at start and exits when it cannot.",
        fix='Write an array of private JWKs on one line: [{"kty":"EC",…}].',
        sources=("auth conf/jwk.go",),
        mends=True,
    ),
    row(
        92,
        "A JWKS is valid JSON but no key set",
        Severity.ERROR,
        _other_shape,
        why="Storage and Realtime look for a member keys; without it they know no key and refuse "
        "every ES256 token.",
        fix=f"Write {_WHOLE_SET}.",
        symptoms=("jwks.keys.find is not a function",),
        sources=("storage 1.74", "realtime#1269"),
        mends=True,
    ),
)
