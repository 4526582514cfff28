"""Findings about single keys in a document: the oct key, private halves, lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import Edit
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.doctor.credentials import Jwk, oct_thumbprint
from keyturn.doctor.finding import Facts, Seen, Severity
from keyturn.doctor.holdings import (
    SECRETS,
    Held,
    auth_keys,
    holders,
    key_documents,
    legacy_setting,
    listed,
    octets,
    place_of,
    places_of,
    places_of_group,
    secret_of,
    shared,
)
from keyturn.doctor.mending import set_keys, with_keys
from keyturn.doctor.row import row
from keyturn.jose import base64url


def _judged(held: Held) -> tuple[Jwk, ...]:
    """Return the oct keys that should be JWT_SECRET: Storage's own URL key is none."""
    url_key = held.document.top.get("urlSigningKey")
    own = url_key.get("kid") if isinstance(url_key, dict) else None
    return tuple(key for key in held.document.symmetric if own is None or key.kid != own)


def _wrong_oct(inventory: Inventory) -> Iterator[tuple[tuple[Held, ...], Jwk, bool]]:
    """Yield the groups whose oct key is no service's secret, and whether it is a mis-spelling."""
    secrets = [s for kind in SECRETS if (s := secret_of(inventory, kind))]
    for group in shared(key_documents(inventory)):
        keys = _judged(group[0])
        if not keys or not secrets:
            continue
        bad = next((key for key in keys if key.misspelt), None)
        if bad is None and any(key.secret in secrets for key in keys):
            continue
        bad = bad or keys[0]
        yield group, bad, bool(bad.misspelt) or any(_confused(bad, s) for s in secrets)


def _confused(key: Jwk, secret: bytes) -> bool:
    """Whether ``k`` is made of the secret, but wrongly: unencoded, encoded twice, with quotes."""
    raw, decoded = (key.text("k") or "").encode(), key.secret or b""
    twice = base64url.encode(base64url.encode(secret))
    quoted = decoded.strip().strip(b"'\"") == secret.strip().strip(b"'\"")
    return raw in (secret, twice) or quoted


def _misencoded_oct(facts: Facts) -> Iterator[Seen]:
    for group, key, misspelt in _wrong_oct(facts.inventory):
        if misspelt:
            what = "uses padding or + and /" if key.misspelt else "is not base64url of JWT_SECRET"
            yield _oct(facts.inventory, group, f"k of the oct key for {holders(group)} {what}.")


def _stale_oct(facts: Facts) -> Iterator[Seen]:
    for group, _key, misspelt in _wrong_oct(facts.inventory):
        if not misspelt:
            sentence = f"The oct key for {holders(group)} is not the JWT_SECRET that is set."
            yield _oct(facts.inventory, group, sentence)


def _oct(inventory: Inventory, group: tuple[Held, ...], sentence: str) -> Seen:
    edits = _with_secret(inventory, group[0])
    return Seen(
        sentence,
        places_of_group(group) + places_of(legacy_setting(inventory)),
        group[0].service.name,
        edits=edits,
        safe=bool(edits),
    )


def _with_secret(inventory: Inventory, held: Held) -> tuple[Edit, ...]:
    raw = octets(legacy_setting(inventory))
    judged = _judged(held)
    if not raw or len(judged) != 1:
        return ()

    def change(key: Jwk) -> dict[str, object]:
        right = {"k": base64url.encode(raw).decode()} if key is judged[0] else {}
        return {**key.members, **right}

    return set_keys(inventory, held.setting, with_keys(held.document, change))


def _private_in_public(facts: Facts) -> Iterator[Seen]:
    own = auth_keys(facts.inventory)
    sets = [held for held in key_documents(facts.inventory) if held.kind is not Kind.AUTH]
    for group in shared(sets):
        private = [key for key in group[0].document.keys if key.is_private]
        if not private:
            continue
        alone = own is None or place_of(own.setting) != place_of(group[0].setting)
        public = with_keys(group[0].document, _public_members)
        yield Seen(
            f"The JWKS for {holders(group)} holds the private half of {private[0].label}.",
            places_of_group(group),
            group[0].service.name,
            edits=set_keys(facts.inventory, group[0].setting, public) if alone else (),
            safe=alone,
        )


def _public_members(key: Jwk) -> dict[str, object]:
    if not key.is_private:
        return dict(key.members)
    hidden = {"d", "p", "q", "dp", "dq", "qi", "oth"}
    kept = {name: value for name, value in key.members.items() if name not in hidden}
    return {**kept, "key_ops": ["verify"]}


def _named_by_secret(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        for key in group[0].document.symmetric:
            if key.kid and key.kid == oct_thumbprint(key):
                yield Seen(
                    f"The oct key for {holders(group)} has its own thumbprint as kid.",
                    places_of_group(group),
                    group[0].service.name,
                )


def _wrong_length(facts: Facts) -> Iterator[Seen]:
    for group in shared(key_documents(facts.inventory)):
        wrong = [key for key in group[0].document.keys if key.wrong_lengths]
        if wrong:
            yield Seen(
                f"{wrong[0].label} for {holders(group)} has {listed(wrong[0].wrong_lengths)} of "
                "another length than its curve's.",
                places_of_group(group),
                group[0].service.name,
            )


RULES: Final = (
    row(
        33,
        "The oct key is a mis-spelling of JWT_SECRET",
        Severity.ERROR,
        _misencoded_oct,
        why="k is base64url, without padding, of the secret's text as the services get it. "
        "Anything else is another secret, and every legacy key is refused as soon as the JWKS is "
        "in use. Scripts that read the raw line include quotes and miss what $ does.",
        fix="Compute k = base64url(utf8(JWT_SECRET)) from the value that the container gets.",
        symptoms=("No suitable key or wrong key type",),
        sources=("RFC 7518 §6.4.1", "add-new-auth-keys.sh"),
        mends=True,
    ),
    row(
        64,
        "The oct key is an old JWT_SECRET",
        Severity.ERROR,
        _stale_oct,
        why="JWT_JWKS and JWT_KEYS carry a copy of JWT_SECRET; when the secret changed and they "
        "did not, PostgREST and Auth refuse what the others accept.",
        fix="Derive the oct key from JWT_SECRET again, in both variables.",
        symptoms=("None of the keys was able to decode the JWT",),
        sources=("add-new-auth-keys.sh",),
        mends=True,
    ),
    row(
        65,
        "A private key is handed to verifiers",
        Severity.CRITICAL,
        _private_in_public,
        why="Every service that gets the JWKS, and for Edge Functions every function, can sign "
        "tokens for any user with it. No service complains.",
        fix="Leave d (and p, q, dp, dq, qi) out of JWT_JWKS. If functions could read it, rotate "
        "the key.",
        sources=("RFC 7517 §9.2", "PostgREST Config.hs"),
        mends=True,
    ),
    row(
        68,
        "The kid of the oct key is its own thumbprint",
        Severity.CRITICAL,
        _named_by_secret,
        why="A thumbprint of a shared secret lets anybody who sees the kid test guesses of the "
        "secret offline (RFC 7638 §7); legacy tokens name no key anyway.",
        fix="Take kid from the oct key; if it was published in tokens, replace JWT_SECRET.",
        sources=("RFC 7638 §7",),
    ),
    row(
        69,
        "A coordinate has the wrong length",
        Severity.ERROR,
        _wrong_length,
        why="RFC 7518 asks for exactly 32 bytes on P-256. Tools that drop leading zeros make about "
        "1 key in 100 that some services read and others refuse.",
        fix="Pad the number with zero bytes on the left, or make a new key.",
        sources=("RFC 7518 §6.2.1.2",),
    ),
)
