"""What GoTrue's signing keys become: imported at the first start, or compared with the ring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.accounts.takeover import Level, Remark
from keyturn.flows.keys_start import FirstKeys, named_by_thumbprint
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import SigningKey
from keyturn.keyring.states import KeyState
from keyturn.wiring.first_keys import first_keys
from keyturn.wiring.settings import ProcessSettings

_TOPIC: Final = "signing keys"

Ring = tuple[tuple[str, str, str, bool], ...]


def judge_keys(process: ProcessSettings, ring: Ring | None) -> Iterator[Remark]:
    """Yield what becomes of ``GOTRUE_JWT_KEYS`` and ``GOTRUE_JWT_SECRET``.

    ``ring`` holds (kid, alg, state, legacy) of each key that is not revoked; None or empty: there
    is no ring yet.
    """
    try:
        brought = first_keys(process.jwt_keys, process.legacy_secret)
    except InvalidKey as problem:
        yield Remark(Level.BLOCKS, _TOPIC, f"{problem.message}.", problem.hint or "")
        return
    if ring:
        yield from _against_ring(brought, ring)
    elif brought is None:
        yield Remark(
            Level.DIFFERS,
            _TOPIC,
            "Neither GOTRUE_JWT_KEYS nor GOTRUE_JWT_SECRET is set: the first start makes a new "
            f"{process.signing_alg} key, and every token in circulation is refused.",
            "Set both to what GoTrue has.",
        )
    else:
        yield from _imported(brought, process.signing_alg)


def _imported(brought: FirstKeys, standby: str) -> Iterator[Remark]:
    beside = f"A standby {standby} key is published beside it and signs nothing."
    if brought.signer is None:
        text = f"GOTRUE_JWT_SECRET goes on signing (HS256). {beside}"
    else:
        signer = brought.signer
        text = f"{signer.alg} key {_kid(signer)} goes on signing"
        if brought.verifying:
            text += f", {len(brought.verifying)} others go on verifying"
        if brought.legacy_secret is not None:
            text += ", and GOTRUE_JWT_SECRET goes on verifying (HS256)"
        text += f". {beside}"
    yield Remark(Level.CARRIES_OVER, _TOPIC, text)


def _against_ring(brought: FirstKeys | None, ring: Ring) -> Iterator[Remark]:
    """The ring is there: the environment is no longer imported, so it had better agree."""
    known = {kid for kid, _, _, _ in ring}
    in_use = next((row for row in ring if row[2] == KeyState.IN_USE), None)
    signs = f"{in_use[1]} key {in_use[0]}" if in_use else "no key"
    yield Remark(
        Level.CARRIES_OVER,
        _TOPIC,
        f"The ring in this database signs with {signs}; the variables are not imported again.",
    )
    if brought is None:
        return
    named = [_kid(brought.signer)] if brought.signer is not None else []
    named += [key.kid for key in brought.verifying if key.kid]
    for kid in named:
        if kid not in known:
            yield Remark(
                Level.DIFFERS,
                _TOPIC,
                f"Key {kid} of GOTRUE_JWT_KEYS is not in the ring: its tokens are refused.",
                "keyturn keys import adds a key.",
            )
    if brought.legacy_secret is not None and not any(legacy for *_, legacy in ring):
        yield Remark(
            Level.DIFFERS,
            _TOPIC,
            "GOTRUE_JWT_SECRET is not in the ring: HS256 tokens, the legacy anon and service_role "
            "keys among them, are refused.",
            "keyturn keys import adds it.",
        )


def _kid(signer: SigningKey) -> str:
    """Return the name that a signing key has in the ring."""
    return signer.kid or named_by_thumbprint(signer).kid or ""
