"""How tokens and their faults look: as JSON for programs, as text for people.

A token's text is chosen by whoever made it: nothing of it reaches a terminal unescaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from keyturn.cli.output import paint
from keyturn.errors import RefusedUnsafe, UsageError

if TYPE_CHECKING:
    from keyturn.flows.token_mint import MintedToken
    from keyturn.jose.jwks import KeySet
    from keyturn.verify.diagnosis import Diagnosis
    from keyturn.verify.diagnosis_key import NeededKey
    from keyturn.verify.finding import Finding
    from keyturn.verify.inspection import Inspection

_LABEL: Final = 11


class TokenOnTerminal(RefusedUnsafe):
    """A token is not written to a terminal: it keeps what it showed."""

    code = "terminal_refused"
    default_hint = "Pipe it on, give --output FILE, or say --show."


def payload_of_inspection(seen: Inspection) -> dict[str, object]:
    """Return the JSON of ``token inspect``; the signature is only measured."""
    anatomy = seen.anatomy
    kind = seen.recognised
    return {
        "kind": "jwt" if kind is None else kind.name,
        "message": kind.message if kind else None,
        "hint": kind.hint if kind else None,
        "size": anatomy.size,
        "header": None if kind else dict(anatomy.header or {}),
        "claims": None if kind else dict(anatomy.claims or {}),
        "signature": None if kind else {"bytes": _length(anatomy.signature), "shown": False},
        "times": {
            time.name: {"unix": time.seconds, "text": time.text, "relation": time.relation}
            for time in seen.times
        },
        "remaining_seconds": None if seen.remaining is None else int(seen.remaining),
        "key": _payload_of_key(seen.needed),
        "verified": False,
        "warnings": [warning.as_dict() for warning in seen.warnings],
    }


def describe_inspection(seen: Inspection) -> str:
    """Return the text of ``token inspect``."""
    if seen.recognised is not None:
        lines = [seen.recognised.message, f"{paint('hint:', 'cyan')} {seen.recognised.hint}"]
        return "\n".join((*lines, *_lines(seen.warnings, "yellow")))
    anatomy = seen.anatomy
    length = _length(anatomy.signature)
    signature = "not readable" if length is None else f"{length} bytes, not shown, not verified"
    lines = [
        *_object("header", anatomy.header),
        *_object("claims", anatomy.claims),
        *(_line(time.name, f"{time.text}  {time.relation}") for time in seen.times),
        _line("signature", signature),
        _line("size", f"{anatomy.size} bytes"),
        _line("needs", seen.needed.description if seen.needed else "—"),
        *_lines(seen.warnings, "yellow"),
    ]
    return "\n".join(lines)


def payload_of_diagnosis(diagnosis: Diagnosis, keys: KeySet) -> dict[str, object]:
    """Return the JSON of ``token verify``; claims only of a token that holds."""
    return {
        "valid": diagnosis.accepted,
        "findings": [finding.as_dict() for finding in diagnosis.findings],
        "key": _payload_of_key(diagnosis.needed, available=True),
        "key_set": [{"kid": key.kid, "alg": key.alg} for key in keys],
        "ignored_keys": list(keys.ignored),
        "claims": dict(diagnosis.anatomy.claims or {}) if diagnosis.accepted else None,
    }


def describe_diagnosis(diagnosis: Diagnosis) -> str:
    """Return the text of ``token verify``."""
    needs = diagnosis.needed.description if diagnosis.needed else "cannot be told"
    if diagnosis.accepted:
        claims = _object("claims", diagnosis.anatomy.claims)
        return "\n".join((paint("valid", "green"), _line("signed by", needs), *claims))
    count = len(diagnosis.findings)
    head = f"refused, for {count} reason{'s' if count > 1 else ''}"
    has = ""
    if diagnosis.needed is not None:
        has = "  (in the key set)" if diagnosis.needed.available else "  (not in the key set)"
    return "\n".join(
        (paint(head, "red"), *_lines(diagnosis.findings, "red"), _line("needs", needs + has))
    )


def payload_of_minted(minted: MintedToken, text: str | None, out: str | None) -> dict[str, object]:
    """Return the JSON of ``token mint``; ``text`` None leaves the token out."""
    return {
        "token": text,
        "output": out,
        "kid": minted.kid,
        "alg": minted.alg,
        "claims": dict(minted.claims),
        "expires_at": minted.expires_at,
    }


def describe_minted(minted: MintedToken, out: str | None = None) -> str:
    """Return one line on a new token, without it."""
    where = f" to {out}" if out else ""
    return (
        f"signed{where} with {minted.alg} {minted.kid}, role {minted.claims['role']}, "
        f"until {minted.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    )


def claims_from(words: Iterable[str]) -> dict[str, object]:
    """Read ``NAME=JSON`` options; raises ``UsageError`` without repeating a value."""
    claims: dict[str, object] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not name or not sign:
            raise UsageError("--claim wants NAME=JSON, such as --claim 'plan=\"free\"'.")
        if name in claims:
            raise UsageError(f"The claim {name} is given twice.")
        try:
            claims[name] = _value(text)
        except (ValueError, RecursionError):
            raise UsageError(
                f"The value of --claim {name} is not JSON.",
                hint=f"Text needs quotation marks of its own: --claim '{name}=\"text\"'.",
            ) from None
    return claims


def _value(text: str) -> object:
    """Read one JSON value as strictly as a verifier will read the token: no NaN, no infinity."""
    from keyturn.jose import strict_json

    json.loads(text)  # one value, so that it cannot bring members of its own
    return strict_json.loads(f'{{"value":{text}}}'.encode())["value"]


def _payload_of_key(key: NeededKey | None, *, available: bool = False) -> dict[str, object] | None:
    if key is None:
        return None
    document: dict[str, object] = {
        "alg": key.alg,
        "kid": key.kid,
        "description": printable(key.description),
    }
    return document | {"available": key.available} if available else document


def _lines(findings: Sequence[Finding], style: str) -> list[str]:
    lines = []
    for finding in findings:
        lines.append(f"{paint(finding.code, style)}: {printable(finding.message)}")
        for name in ("found", "expected", "hint"):
            text = getattr(finding, name)
            if text:
                lines.append(f"  {paint(f'{name}:', 'dim')} {printable(text)}")
    return lines


def _object(name: str, members: object) -> list[str]:
    text = json.dumps(members, indent=2, ensure_ascii=False, default=dict)
    first, *rest = text.split("\n")
    lines = (first, *(" " * _LABEL + line for line in rest))
    return [_line(name, printable(lines[0])), *(printable(line) for line in lines[1:])]


def _line(label: str, text: str) -> str:
    return paint(label.ljust(_LABEL), "dim") + printable(text)


def printable(text: str) -> str:
    """Return ``text`` with everything that could steer a terminal written as an escape."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def _length(signature: bytes | None) -> int | None:
    return None if signature is None else len(signature)
