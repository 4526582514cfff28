"""One fault of a token as a row: what was found, what was expected, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.jose.errors import TokenRejected


@dataclass(frozen=True)
class Finding:
    """``code`` is that of :class:`TokenRejected` or, for a remark, a name of its own.

    Names that the token chose appear shortened and printable; no key and no signature appears.
    """

    code: str
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None

    @classmethod
    def of(
        cls,
        rejected: TokenRejected,
        *,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> Finding:
        """Return ``rejected`` as a row; what is given here replaces what it says itself."""
        return cls(
            rejected.code,
            sentence(rejected.summary),
            found or rejected.found,
            expected or rejected.expected,
            hint or rejected.hint,
        )

    def as_dict(self) -> dict[str, str | None]:
        """Return the row for JSON."""
        return {
            "code": self.code,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
        }


def sentence(text: str) -> str:
    """Return ``text`` with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
