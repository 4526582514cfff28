"""Findings about verifiers that do not know the keys with which tokens are signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import Edit
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.doctor.credentials import Jwk, KeyDocument, Shape, read_jwt, read_keys
from keyturn.doctor.facts import DatabaseFacts
from keyturn.doctor.finding import Confidence, Facts, Seen, Severity
from keyturn.doctor.holdings import (
    KEY_SETS,
    Held,
    asymmetric_api_jwts,
    auth_keys,
    es256_in_use,
    holders,
    is_elsewhere,
    key_set,
    key_sets,
    place_of,
    places_of,
    places_of_group,
    secret_of,
    shared,
    signing_key,
)
from keyturn.doctor.mending import give, set_keys, with_keys
from keyturn.doctor.row import row

REALTIME_TENANT: Final = "realtime-dev"


def _not_wired(facts: Facts) -> Iterator[Seen]:
    inventory = facts.inventory
    if not es256_in_use(inventory):
        return
    for kind in (Kind.REST, Kind.REALTIME, Kind.STORAGE):
        service, held = inventory.of_kind(kind), key_set(inventory, kind)
        name = KEY_SETS[kind]
        if service is None or _is_told_elsewhere(inventory, kind) or _has_keys(held):
            continue
        off, setting = service.commented.get(name), service.get(name)
        places = ((off.place,) if off else ()) + ((setting.place,) if setting else ())
        yield Seen(
            f"{service.name} has no key pair in {name}{' (commented out)' if off else ''}, "
            "and ES256 tokens are in use.",
            places or (service.place,),
            service.name,
            fix=f"Write under the environment of {service.name}, then `docker compose up -d`:\n"
            f"  {name}: ${{JWT_JWKS}}",
            edits=give(inventory, service, name, "JWT_JWKS") if _ready(inventory, kind) else (),
            safe=True,
        )


def _is_told_elsewhere(inventory: Inventory, kind: Kind) -> bool:
    """Whether KT071 (a name that is not read), KT003 or KT039 (set to nothing) speak of it."""
    service = inventory.of_kind(kind)
    if service is None or kind is Kind.STORAGE:
        return False
    wrong, own = service.get("JWT_JWKS"), service.get(KEY_SETS[kind])
    empty = (own is not None and not own.is_set) or is_elsewhere(inventory, kind)
    missing = own is None and kind is Kind.REST
    return empty or missing or (wrong is not None and wrong.is_set)


def _has_keys(held: Held | None) -> bool:
    """Whether keys are there, or the document is broken so that another finding speaks of it."""
    if held is None or held.document.shape is Shape.EMPTY:
        return False
    return bool(held.document.asymmetric) or held.document.shape is not Shape.SET


def _ready(inventory: Inventory, kind: Kind) -> bool:
    """Whether JWT_JWKS in ``.env`` is a key set with which nobody would lose access.

    PostgREST takes it in place of its secret, so the secret must be in it as an oct key.
    """
    document = read_keys(text(inventory.variable("JWT_JWKS")))
    signer = signing_key(inventory)
    known = signer is None or signer.kid in document.kids
    secret = secret_of(inventory, kind) if kind is Kind.REST else None
    kept = secret is None or document.accepts(secret)
    return document.shape is Shape.SET and bool(document.asymmetric) and known and kept


def _missing(inventory: Inventory) -> tuple[tuple[Held, ...], ...]:
    """Return the key sets, grouped by variable, that lack the key with which Auth signs."""
    signer = signing_key(inventory)
    if signer is None or not signer.kid:
        return ()
    return shared(
        held
        for held in key_sets(inventory)
        if held.document.shape is Shape.SET
        and held.document.asymmetric
        and all(key.kid for key in held.document.asymmetric)
        and _lookup(held.document, signer) is not True
    )


def _lookup(document: KeyDocument, signer: Jwk) -> bool | None:
    """Return True when the key is there, False when its name stands for another, else None."""
    same = [key for key in document.asymmetric if key.kid == signer.kid]
    if not same:
        return None
    return any(key.text("x") == signer.text("x") or key.misspelt for key in same)


def _signer_unknown(facts: Facts) -> Iterator[Seen]:
    signer, own = signing_key(facts.inventory), auth_keys(facts.inventory)
    for group in _missing(facts.inventory):
        if signer is None or own is None or [one.kind for one in group] == [Kind.REALTIME]:
            continue
        other = _lookup(group[0].document, signer) is False
        problem = "has another key under the name" if other else "lacks"
        yield Seen(
            f"The JWKS for {holders(group)} {problem} {signer.label}, with which Auth signs.",
            places_of_group(group) + places_of(own.setting),
            group[0].service.name,
            edits=_with_signer(facts.inventory, group[0], signer),
            safe=not other,
        )


def _with_signer(inventory: Inventory, held: Held, signer: Jwk) -> tuple[Edit, ...]:
    public = signer.public
    if public is None:
        return ()
    keys = [dict(k.members) for k in held.document.keys if k.kid != signer.kid]
    value = {"keys": [public.public_jwk(), *keys], **held.document.top}
    return set_keys(inventory, held.setting, value)


def _realtime_signer_unknown(facts: Facts) -> Iterator[Seen]:
    signer = signing_key(facts.inventory)
    for group in _missing(facts.inventory):
        if signer is not None and [one.kind for one in group] == [Kind.REALTIME]:
            yield Seen(
                f"{group[0].name} lacks {signer.label}, with which Auth signs.",
                places_of_group(group),
                group[0].service.name,
                edits=_with_signer(facts.inventory, group[0], signer),
                safe=True,
            )
    if signer is not None and signer.kid and isinstance(facts.database, DatabaseFacts):
        for tenant, jwks in facts.database.realtime_jwks.items():
            held = key_set(facts.inventory, Kind.REALTIME)
            in_files = held is not None and signer.kid in held.document.kids
            if in_files and signer.kid not in read_keys(jwks).kids:
                yield Seen(
                    f"The row of Realtime's tenant {tenant} lacks {signer.label}; the files have "
                    "it.",
                    places_of(held.setting) if held else (),
                    "realtime",
                )


def _kids_differ(facts: Facts) -> Iterator[Seen]:
    own = auth_keys(facts.inventory)
    if own is None or not own.document.kids or own.document.shape is not Shape.ARRAY:
        return
    if any(not key.kid for key in own.document.asymmetric):
        return
    missing = {place_of(one.setting) for group in _missing(facts.inventory) for one in group}
    for group in shared(h for h in key_sets(facts.inventory) if h.document.shape is Shape.SET):
        theirs = group[0].document.kids
        nameless = any(not key.kid for key in group[0].document.asymmetric)
        if place_of(group[0].setting) in missing or not theirs or nameless:
            continue
        for kid in sorted(own.document.kids - theirs):
            yield Seen(
                f'The key "{kid}" of {own.name} is not in the JWKS for {holders(group)}.',
                places_of_group(group) + places_of(own.setting),
                group[0].service.name,
            )
        for kid in sorted(theirs - own.document.kids):
            yield Seen(
                f'The JWKS for {holders(group)} trusts "{kid}", which Auth does not have.',
                places_of_group(group) + places_of(own.setting),
                group[0].service.name,
                severity=Severity.NOTICE,
            )


def _stale_tenant(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.REALTIME)
    if service is None:
        return
    seed = service.get("SEED_SELF_HOST")
    seeded = (text(seed) or "").lower() == "true" or "seeds" in (text(service.command) or "")
    if not seeded:
        yield Seen(
            f"{service.name} does not seed its tenant at start (SEED_SELF_HOST is not true).",
            places_of(seed) or (service.place,),
            service.name,
            fix='Write under its environment:\n  SEED_SELF_HOST: "true"\nor put every change to '
            f"the tenant by `PUT /api/tenants/{REALTIME_TENANT}`.",
        )
    held = key_set(facts.inventory, Kind.REALTIME)
    if held is None or not isinstance(facts.database, DatabaseFacts):
        return
    for tenant, jwks in facts.database.realtime_jwks.items():
        extra = read_keys(jwks).kids - held.document.kids
        if extra:
            yield Seen(
                f'The row of Realtime\'s tenant {tenant} still trusts "{min(extra)}", which is '
                "no longer in the files.",
                places_of(held.setting),
                held.service.name,
            )


def _kidless(facts: Facts) -> Iterator[Seen]:
    signer = signing_key(facts.inventory)
    tokens = [read_jwt(text(s)) for s in asymmetric_api_jwts(facts.inventory)]
    named = (signer is not None and signer.kid) or any(t is not None and t.kid for t in tokens)
    if not named:
        return
    for group in shared(key_sets(facts.inventory)):
        bare = [key for key in group[0].document.asymmetric if not key.kid]
        if bare and group[0].document.shape in (Shape.SET, Shape.KEY):
            yield Seen(
                f"The JWKS for {holders(group)} has a key pair without kid; tokens name one.",
                places_of_group(group),
                group[0].service.name,
                edits=_with_kid(facts.inventory, group[0], signer),
                safe=True,
            )


def _with_kid(inventory: Inventory, held: Held, signer: Jwk | None) -> tuple[Edit, ...]:
    """Name the one key that is the signer's; other nameless keys are nobody's to name."""
    if signer is None or not signer.kid:
        return ()

    def change(key: Jwk) -> dict[str, object]:
        same = key.is_asymmetric and not key.kid and key.text("x") == signer.text("x")
        return {**key.members, "kid": signer.kid} if same else dict(key.members)

    return set_keys(inventory, held.setting, with_keys(held.document, change))


RULES: Final = (
    row(
        5,
        "A verifier is not given the public keys although ES256 is in use",
        Severity.ERROR,
        _not_wired,
        why="The service still verifies HS256 only. Signing in works, then auth.uid() is null, "
        "rows are missing and uploads are refused: nothing says that it is the key.",
        fix="Hand the JWKS to every verifier under its own name and recreate it.",
        symptoms=(
            '"alg" (Algorithm) Header Parameter value not allowed',
            "new row violates row-level security policy",
        ),
        sources=("supabase#46303", "supabase#46621", "supabase#46531"),
        mends=True,
    ),
    row(
        18,
        "Realtime does not know the key with which Auth signs",
        Severity.ERROR,
        _realtime_signer_unknown,
        why="Realtime keeps the JWKS in its tenant's row, written when the container starts with "
        "SEED_SELF_HOST. A kid that is not in that row is refused.",
        fix="Put the key into API_JWT_JWKS and recreate Realtime, or PUT the tenant.",
        symptoms=("Failed to generate JWT signer for key ID (kid)",),
        sources=("realtime 2.129.8",),
        mends=True,
    ),
    row(
        20,
        "Realtime keeps an old copy of the keys in its database",
        Severity.WARNING,
        _stale_tenant,
        confidence=Confidence.LIKELY,
        why="Realtime verifies with the row of _realtime.tenants. When nothing writes the row anew "
        "at start, or DB_ENC_KEY changed, new settings never reach it.",
        fix='Set SEED_SELF_HOST to "true" and recreate Realtime, or PUT the tenant.',
        symptoms=("Failed to validate JWT signature",),
        sources=("realtime#1336", "supabase-multitenant#66"),
    ),
    row(
        37,
        "A public key has no kid while tokens name one",
        Severity.ERROR,
        _kidless,
        why="PostgREST 13 and later match the kid exactly, so a key without kid never matches a "
        "token that names one; Realtime and Storage find no key either.",
        fix="Write the kid of the signing key into its public JWK.",
        symptoms=("No suitable key was found to decode the JWT",),
        sources=("PostgREST#3598", "PostgREST#4048"),
        mends=True,
    ),
    row(
        62,
        "A verifier does not know the key with which Auth signs",
        Severity.ERROR,
        _signer_unknown,
        why="Every token that Auth signs now is refused there. The scripts that make keys replace "
        "them: a JWKS from an earlier run does not fit JWT_KEYS of a later one.",
        fix="Put the public half of the signing key into JWT_JWKS and recreate the verifiers.",
        symptoms=("No suitable key or wrong key type", "unable to find matching key"),
        sources=("add-new-auth-keys.sh", "PostgREST 13 changelog"),
        mends=True,
    ),
    row(
        63,
        "Auth and the verifiers do not have the same set of keys",
        Severity.WARNING,
        _kids_differ,
        why="A standby key that verifiers do not know cannot take over without refusing its "
        "tokens; a key that only verifiers know keeps opening doors after Auth forgot it.",
        fix="Derive JWT_KEYS and JWT_JWKS from one list of keys.",
        sources=("RFC 7517 §5",),
    ),
)
