"""How a plain scalar that is not text is written into a container's environment."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from keyturn.deploy.yaml_tree import Scalar

_BOOLEANS: Final = {
    "true": "true", "True": "true", "TRUE": "true",
    "false": "false", "False": "false", "FALSE": "false",
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_OTHER_BASE = re.compile(r"([-+]?)0([xob])([0-9a-fA-F_]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def canonical(scalar: Scalar) -> str:
    """Return the text that Compose hands over: ``True`` is ``true``, ``0x10`` is ``16``."""
    text = scalar.text
    if not scalar.plain or not text:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] in "-+.0123456789":
        return _number(text)
    return text


def _number(text: str) -> str:
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(text):
        bare = digits.lstrip("+-")
        if len(bare) > 1 and bare[0] == "0":
            return _octal(digits, bare)
        return _bounded(int(digits), text)
    other = _OTHER_BASE.fullmatch(text)
    if other:
        return _based(other, text)
    return _float(float(digits)) if _FLOAT.fullmatch(digits) else text


def _octal(digits: str, bare: str) -> str:
    if any(digit not in "01234567" for digit in bare):
        # Not octal after all: go-yaml tries a float next.
        return _float(float(digits))
    return str(int(digits, 8))


def _based(match: re.Match[str], text: str) -> str:
    sign, letter, digits = match.groups()
    try:
        return _bounded(
            int(sign + digits.replace("_", ""), {"x": 16, "o": 8, "b": 2}[letter]), text
        )
    except ValueError:
        return text


def _bounded(number: int, text: str) -> str:
    if -(2**63) <= number < 2**64:
        return str(number)
    return _float(float(text.replace("_", "")))


def _float(number: float) -> str:
    """Return the number as Go's ``%v`` writes a float64: six digits, then with an exponent."""
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    exact = Decimal(repr(number)).normalize()
    exponent = exact.adjusted()
    if number == 0 or -4 <= exponent < 6:
        return f"{exact:f}"
    sign, digits, _ = exact.as_tuple()
    mantissa = "".join(map(str, digits))
    point = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' if sign else ''}{mantissa[0]}{point}e{exponent:+03d}"
