"""The only place of the CLI where a secret is opened: to hand it over, or to take it in.

It goes to a new 0600 file or to a pipe, never to a terminal unless it is a fresh API key, and it
comes from a file or from stdin, never from the command line.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from keyturn.errors import RefusedUnsafe, UsageError
from keyturn.secret import Secret
from keyturn.secret_access import reveal

if TYPE_CHECKING:
    from keyturn.jose.keys import SigningKey, VerifyingKey

MAX_INPUT: Final = 262_144
_ENV_LINE: Final = re.compile(rb"(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=[^=]")

T = TypeVar("T")


class TerminalRefused(RefusedUnsafe):
    """Private keys are not written to a terminal: it keeps what it showed."""

    code = "terminal_refused"
    default_hint = "Give --output FILE (made with mode 0600), or pipe the output on."


class FileExists(RefusedUnsafe):
    """The file exists already; nothing was written."""

    code = "file_exists"


class UnusableKey(UsageError):
    """The key cannot be used."""

    code = "invalid_key"


def read_secret(source: str) -> Secret:
    """Return the content of the file ``source``, or of stdin for ``-``, without its line end.

    Raises ``UsageError`` when it is empty, too large or cannot be read.
    """
    try:
        if source == "-":
            content = sys.stdin.buffer.read(MAX_INPUT + 1)
        else:
            with Path(source).open("rb") as stream:
                content = stream.read(MAX_INPUT + 1)
    except OSError as problem:
        raise UsageError(f"{source} cannot be read: {problem.strerror}") from None
    if len(content) > MAX_INPUT:
        raise UsageError(f"{_name(source)} is larger than {MAX_INPUT} bytes")
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        raise UsageError(f"{_name(source)} is empty")
    return Secret(content)


def readable_by_others(source: str) -> bool:
    """Tell whether the mode of the file ``source`` lets others read it; False for stdin."""
    return source != "-" and bool(stat.S_IMODE(os.stat(source).st_mode) & 0o077)


def read_text(source: str) -> str:
    """Return an API key given in a file or on stdin."""
    try:
        return reveal(read_secret(source)).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{_name(source)} is not text") from None


def read_key(
    secret: Secret, *, alg: str | None, kid: str | None, verify_only: bool
) -> SigningKey | VerifyingKey:
    """Read a key of any form that deployments have: JWK, PEM, base64 of PEM, or a ``JWT_SECRET``.

    Plain text is taken as a shared secret only when ``alg`` says HS256, because a damaged PEM
    file must not become one. Below 32 bytes it may be what a deployment lives with: its
    ``JWT_SECRET``, or to verify only. Raises :class:`UnusableKey` or another ``UsageError``.
    """
    return usable(lambda: _read_key(secret, alg, kid, verify_only=verify_only))


def usable(make: Callable[[], T]) -> T:
    """Return what ``make`` returns; an ``InvalidKey`` becomes :class:`UnusableKey`."""
    from keyturn.jose.errors import InvalidKey

    try:
        return make()
    except InvalidKey as problem:
        raise UnusableKey(problem.message, hint=problem.hint) from None


def value_of_line(secret: Secret) -> Secret:
    """Return the value of a line ``NAME=value`` as Compose reads it; anything else as it is."""
    content = reveal(secret)
    if not _ENV_LINE.match(content):
        return secret
    from keyturn.deploy.dotenv import parse

    found = parse("the input", content.decode("utf-8", "replace"), lambda _: None)
    if len(found) != 1:
        raise UsageError(f"there are {len(found)} variables, expected one line NAME=value")
    return Secret(found[0].value)


def _read_key(
    secret: Secret, alg: str | None, kid: str | None, *, verify_only: bool
) -> SigningKey | VerifyingKey:
    from keyturn.jose import keys

    text = reveal(secret).strip()
    if alg == "HS256" and not text.startswith(b"{"):
        lived_with = verify_only or kid is None
        shared = keys.signing_key_from_secret(secret, kid=kid, allow_short=lived_with)
        return shared.verifying_key() if verify_only else shared
    if text.startswith(b"{"):
        return _read_jwk(_json_object(text), alg, kid, verify_only=verify_only)
    if b"PUBLIC KEY" in text:
        return keys.verifying_key_from_pem(text, alg, kid=kid)
    key = keys.signing_key_from_pem(secret, alg, kid=kid)
    return key.verifying_key() if verify_only else key


def _read_jwk(
    jwk: dict[str, object], alg: str | None, kid: str | None, *, verify_only: bool
) -> SigningKey | VerifyingKey:
    from keyturn.jose import keys

    if alg is not None and jwk.get("alg", alg) != alg:
        raise UsageError(f"the JWK is for {jwk['alg']!r}, not for {alg}")
    if jwk.get("kty") != "oct" and "d" not in jwk:
        return keys.verifying_key_from_jwk(jwk, kid=kid)
    key = keys.signing_key_from_jwk(jwk, kid=kid)
    return key.verifying_key() if verify_only else key


def _json_object(text: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(text)
    except ValueError:
        raise UsageError("the key starts like a JWK but is not JSON") from None
    if not isinstance(parsed, dict) or "kty" not in parsed:
        raise UsageError(
            "the JSON is not a JWK: it has no kty",
            hint="Give one key, not a JWKS or an array.",
        )
    return parsed


def opened(document: object) -> bytes:
    """Return ``document`` (see :mod:`keyturn.keyring.documents`) with its secrets in clear."""
    from keyturn.keyring.documents import JsonLeaf

    def plain(value: object) -> object:
        if isinstance(value, Secret):
            return reveal(value).decode()
        if isinstance(value, JsonLeaf):
            return json.loads(reveal(value.text))
        if isinstance(value, dict):
            return {name: plain(member) for name, member in value.items()}
        if isinstance(value, list):
            return [plain(member) for member in value]
        return value

    clear = plain(document)
    text = clear if isinstance(clear, str) else json.dumps(clear, separators=(",", ":"))
    return text.rstrip("\n").encode() + b"\n"


def env_lines(lines: Iterable[tuple[str, object]]) -> bytes:
    """Return ``NAME=value`` lines, each document in clear, quoted as Compose reads them back."""
    from keyturn.deploy.rewrite_dotenv import quoted

    texts = [(name, opened(document).decode().removesuffix("\n")) for name, document in lines]
    return "".join(f"{name}={quoted(text)}\n" for name, text in texts).encode()


def shown_once(secret: Secret) -> str:
    """Return a fresh API key as text: it is printed now and never again."""
    return reveal(secret).decode()


def hand_over(content: bytes, out: str | None, *, private: bool) -> None:
    """Write ``content`` to the new file ``out`` (0600 when private), or to stdout.

    Raises ``TerminalRefused`` for private content on a terminal and ``FileExists`` rather than
    overwrite anything.
    """
    if out is None or out == "-":
        if private and sys.stdout.isatty():
            raise TerminalRefused
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    from keyturn.adapters.new_file import create_new

    try:
        create_new(path, content, mode=0o600 if private else 0o644)
    except FileExistsError:
        raise FileExists(f"{path} exists already; nothing was written") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}") from None


def check_output(out: str | None, *, private: bool) -> None:
    """Refuse early what :func:`hand_over` would refuse, before anything is changed."""
    if out is None or out == "-":
        if private and sys.stdout.isatty():
            raise TerminalRefused
    elif Path(out).exists():
        raise FileExists(f"{out} exists already; nothing was written")


def _name(source: str) -> str:
    return "stdin" if source == "-" else source
