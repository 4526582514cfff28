"""Which key a token needs, and what is wrong between the two: name, algorithm, signature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import AlgNotAllowed, BadSignature, MissingKid, TokenRejected, shown
from keyturn.jose.jwks import KeySet
from keyturn.jose.key import VerifyingKey
from keyturn.verify.anatomy import Anatomy
from keyturn.verify.finding import Finding
from keyturn.verify.policy import Policy

History = Mapping[str, str]
"""By ``kid``: what became of a key that verifies nothing any more."""

_SHARED = frozenset(
    name for row in ALGORITHMS.values() if row.symmetric for name in row.header_names
)
_ES256_SIGNATURE = 64


@dataclass(frozen=True)
class NeededKey:
    """The key that would verify a token's signature, as the token's header names it."""

    alg: str | None
    kid: str | None
    available: bool
    """Whether the key set holds it."""
    description: str


def needed(anatomy: Anatomy, keys: KeySet, history: History) -> NeededKey | None:
    """Return the key that ``anatomy``'s header asks for; None without a header."""
    if anatomy.header is None:
        return None
    alg, kid = (_text(anatomy.header.get(name)) for name in ("alg", "kid"))
    try:
        available = bool(keys.select(anatomy.header))
    except TokenRejected:
        available = False
    return NeededKey(alg, kid, available, _describe(alg, kid, history))


def _describe(alg: str | None, kid: str | None, history: History) -> str:
    if alg is None or alg.lower() == "none":
        return "no key: the token says that it is unsigned"
    if kid is None and alg in _SHARED:
        return f"the legacy JWT_SECRET ({alg}, tokens without kid)"
    if kid is None:
        return f"an {shown(alg)} key, but the token does not say which (no kid)"
    became = f", which {history[kid]}" if kid in history else ""
    return f"the {shown(alg)} key {shown(kid)}{became}"


def findings(anatomy: Anatomy, keys: KeySet, policy: Policy, history: History) -> Iterator[Finding]:
    """Yield what speaks against the key, its algorithm and the signature."""
    header = anatomy.header or {}
    try:
        key = keys.select(header)
    except AlgNotAllowed as rejected:
        yield _wrong_algorithm(rejected, header, keys, policy)
        return
    except TokenRejected as rejected:
        yield _no_key(rejected, anatomy, keys, history)
        if header.get("alg") not in _accepted_names(policy):
            yield _not_accepted(shown(header.get("alg")), policy)
        return
    if key.alg not in policy.algorithms:
        yield _not_accepted(key.alg, policy)
    if anatomy.signature is not None and not key.verify(anatomy.signing_input, anatomy.signature):
        yield _bad_signature(anatomy, key, keys)


def _wrong_algorithm(
    rejected: TokenRejected, header: Mapping[str, object], keys: KeySet, policy: Policy
) -> Finding:
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    expected = key.alg if key is not None else _list(policy.algorithms)
    hint = (
        "A token may not choose its algorithm; only a forger or a broken issuer writes another "
        "one than that of the key."
    )
    return Finding.of(rejected, found=shown(header.get("alg")), expected=expected, hint=hint)


def _not_accepted(found: str, policy: Policy) -> Finding:
    symmetric = found.strip('"') in _SHARED
    return Finding(
        AlgNotAllowed.code,
        f"Tokens with this algorithm ({found}) are not accepted here.",
        found=found,
        expected=_list(policy.algorithms),
        hint="Tokens of a legacy JWT_SECRET need that secret and its algorithm to be allowed."
        if symmetric
        else None,
    )


def _no_key(rejected: TokenRejected, anatomy: Anatomy, keys: KeySet, history: History) -> Finding:
    header = anatomy.header or {}
    kid = header.get("kid")
    return Finding.of(
        rejected,
        found="no kid" if isinstance(rejected, MissingKid) else shown(kid),
        expected=_names(keys),
        hint=_what_became(kid, history) or _true_signer(anatomy, keys) or _why_unknown(header),
    )


def _what_became(kid: object, history: History) -> str | None:
    if not isinstance(kid, str) or kid not in history:
        return None
    return f"This key {history[kid]}. Sign in again, or refresh, for a token of the key in use."


def _why_unknown(header: Mapping[str, object]) -> str:
    if "kid" not in header and header.get("alg") in _SHARED:
        return (
            "It is a token of a shared JWT_SECRET, such as a legacy API key. Give that secret as "
            "well, or send a token of the new keys."
        )
    if "kid" not in header:
        return "The issuer has to write the key's name (kid) into the header."
    return (
        "Is the key set a copy from before the last rotation, or the token from another deployment?"
    )


def _bad_signature(anatomy: Anatomy, key: VerifyingKey, keys: KeySet) -> Finding:
    signature = anatomy.signature or b""
    return Finding.of(
        BadSignature(),
        found=f"{len(signature)} bytes",
        expected=f"a signature of {_name(key)}",
        hint=_true_signer(anatomy, keys) or _why_bad(key, signature),
    )


def _why_bad(key: VerifyingKey, signature: bytes) -> str:
    if key.alg == "ES256" and len(signature) != _ES256_SIGNATURE:
        form = " It looks like DER, which JWTs do not use." if signature[:1] == b"0" else ""
        return f"An ES256 signature has {_ES256_SIGNATURE} bytes.{form}"
    if key.is_symmetric:
        return (
            "The issuer signs with another JWT_SECRET. Compare quotation marks, line ends and "
            "base64: the secret is used as the text that it is."
        )
    return "The token was changed after it was signed, or its issuer has another key of that name."


def _true_signer(anatomy: Anatomy, keys: KeySet) -> str | None:
    """Say which key of the set did sign, when the token names another one or none."""
    alg, signature = (anatomy.header or {}).get("alg"), anatomy.signature
    if signature is None or not isinstance(alg, str):
        return None
    for key in keys:
        fits = alg in ALGORITHMS[key.alg].header_names
        if fits and key.verify(anatomy.signing_input, signature):
            return f"The signature is that of {_name(key)}: the issuer writes a wrong kid."
    return None


def _accepted_names(policy: Policy) -> frozenset[object]:
    rows = (ALGORITHMS[name] for name in policy.algorithms)
    return frozenset(name for row in rows for name in row.header_names)


def _names(keys: KeySet) -> str:
    names = [_name(key) for key in keys]
    return f"one of: {', '.join(names)}" if names else "any key; the key set is empty"


def _name(key: VerifyingKey) -> str:
    return f"{key.alg} {key.kid}" if key.kid is not None else f"{key.alg} without kid"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
