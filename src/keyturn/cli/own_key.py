"""A signing key that the user brings, for the commands that otherwise make one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyturn.errors import UsageError
    from keyturn.jose.keys import SigningKey


def read_own_key(file: str | None, alg: str | None) -> SigningKey | None:
    """Return the private key in ``file`` (``-`` is stdin), None without a file.

    Raises ``UsageError`` for what is no single private key, or not one of ``alg``.
    """
    from keyturn.errors import UsageError
    from keyturn.jose.algs import ALGORITHMS

    if alg is not None and (alg not in ALGORITHMS or ALGORITHMS[alg].symmetric):
        raise UsageError(f"{alg} is no asymmetric algorithm of Supabase: ES256, RS256 or EdDSA.")
    if file is None:
        return None
    from keyturn.cli.convert_input import read_held
    from keyturn.jose.keys import SigningKey

    try:
        held = [one.key for one in read_held(file, alg=None) if not one.verifying.is_symmetric]
    except UsageError as unusable:
        if file not in unusable.message:
            unusable.message = f"{file}: {unusable.message}"
        unusable.hint = unusable.hint or "`keyturn keys generate --out DIR` writes one that fits."
        raise
    private = [key for key in held if isinstance(key, SigningKey)]
    if len(private) != 1:
        raise _not_one(file, private, len(held))
    if alg is not None and private[0].alg != alg:
        raise UsageError(f"The key in {file} is for {private[0].alg}, not for {alg}.")
    return private[0]


def _not_one(file: str, private: list[SigningKey], count: int) -> UsageError:
    from keyturn.errors import UsageError

    if not private:
        only = ("no asymmetric key", "a public key only")[count] if count < 2 else "public keys"
        return UsageError(
            f"{file} must hold one private key, and it holds {only}.",
            hint="keyturn keys generate --out DIR writes one.",
        )
    names = [f"{one.alg} {one.kid or 'without a kid'}" for one in private]
    first = next((one.kid for one in private if one.kid), None)
    how = (
        f"Take the one that you mean: keyturn convert --from {shlex.quote(file)} --pick "
        f"{shlex.quote(first)} --to private-jwk --private --output one.jwk"
        if first
        else "Put the one that you mean into a file of its own."
    )
    return UsageError(
        f"{file} must hold one private key, and it holds {len(private)}: {', '.join(names)}.",
        hint=how,
    )
