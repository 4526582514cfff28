"""Findings about key documents written after a wrong recipe: names, members, base64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import RemoveSetting
from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.doctor.credentials import read_keys
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import (
    AUTH_KEYS,
    compose_only,
    holders,
    key_documents,
    key_set,
    places_of,
    places_of_group,
    shared,
)
from keyturn.doctor.mending import canonical, give, set_keys, with_keys
from keyturn.doctor.row import row


def _article_shape(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        strange = [k for k in group[0].document.keys if {"key_id", "private_key"} & set(k.members)]
        if strange:
            yield Seen(
                f"The keys for {holders(group)} have the members key_id and private_key; "
                "a JWK has kid, kty, crv, x, y and d.",
                places_of_group(group),
                group[0].service.name,
            )


_ARTICLE_NAMES: Final = (
    (Kind.AUTH, "JWT_KEYS", AUTH_KEYS, "JWT_KEYS"),
    (Kind.REST, "JWT_JWKS", "PGRST_JWT_SECRET", "JWT_JWKS"),
    (Kind.REALTIME, "JWT_JWKS", "API_JWT_JWKS", "JWT_JWKS"),
    (Kind.FUNCTIONS, "JWT_JWKS", "SUPABASE_JWKS", "JWT_JWKS"),
)


def _article_names(facts: Facts) -> Iterator[Seen]:
    for kind, wrong, right, variable in _ARTICLE_NAMES:
        service = facts.inventory.of_kind(kind)
        given = service.get(wrong) if service is not None else None
        if service is None or given is None or not given.is_set:
            continue
        present = service.get(right)
        if present is not None and read_keys(text(present)).keys:
            continue
        yield Seen(
            f"{service.name} is given {wrong}, which it never reads; its name here is {right}.",
            (given.place,),
            service.name,
            fix=f"Rename the line:\n  {right}: ${{{variable}}}",
            edits=give(facts.inventory, service, right, variable)
            + compose_only(facts.inventory, RemoveSetting(service.name, wrong)),
        )


def _misspelt(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        document = group[0].document
        wrong = [key for key in document.asymmetric if key.misspelt]
        if wrong:
            yield Seen(
                f"{wrong[0].label} for {holders(group)} spells "
                f"{', '.join(wrong[0].misspelt)} with padding or with + and /.",
                places_of_group(group),
                group[0].service.name,
                edits=set_keys(facts.inventory, group[0].setting, with_keys(document, canonical)),
                safe=True,
            )


def _base64_flag(facts: Facts) -> Iterator[Seen]:
    held = key_set(facts.inventory, Kind.REST)
    flag = held.service.get("PGRST_JWT_SECRET_IS_BASE64") if held is not None else None
    if held is not None and flag is not None and (text(flag) or "").lower() in ("true", "1"):
        yield Seen(
            f"{held.service.name} has PGRST_JWT_SECRET_IS_BASE64 beside a JWKS.",
            places_of(flag, held.setting),
            held.service.name,
            edits=compose_only(facts.inventory, RemoveSetting(held.service.name, flag.name)),
            safe=True,
        )


RULES: Final = (
    row(
        70,
        "The keys are not JWKs but key_id and private_key",
        Severity.ERROR,
        _article_shape,
        why="This form stands in an article about ES256; no Supabase service reads it. Auth stops "
        "when it parses it.",
        fix="Convert the PEM to a JWK with kid, alg, use and key_ops; `keyturn keys` reads this "
        "form and writes the one that Auth reads.",
        symptoms=("no signing key detected",),
        sources=("RFC 7517 §4", "auth conf/jwk.go"),
    ),
    row(
        71,
        "A service is given its keys under a name that it does not read",
        Severity.ERROR,
        _article_names,
        why="Every service has its own name for the same document: GOTRUE_JWT_KEYS, "
        "PGRST_JWT_SECRET, API_JWT_JWKS, JWT_JWKS (Storage only), SUPABASE_JWKS. A wrong name is "
        "ignored without a word, and ES256 tokens are refused.",
        fix="Use the service's own name.",
        symptoms=("UNAUTHORIZED_ASYMMETRIC_JWT",),
        sources=("compose of March 2026",),
    ),
    row(
        72,
        "A public key is not spelt in base64url",
        Severity.ERROR,
        _misspelt,
        why="RFC 7518 asks for base64url without padding. Some services read other spellings, "
        "some refuse the key, and PostgREST drops the whole set (KT053).",
        fix="Spell x, y and d without = and with - and _ for + and /.",
        sources=("RFC 7518 §6.2.1",),
        mends=True,
    ),
    row(
        84,
        "PostgREST would decode its JWKS as base64",
        Severity.ERROR,
        _base64_flag,
        why="With PGRST_JWT_SECRET_IS_BASE64 the JSON is decoded as base64, which fails at start.",
        fix="Take PGRST_JWT_SECRET_IS_BASE64 out.",
        sources=("PostgREST Config.hs",),
        mends=True,
    ),
)
