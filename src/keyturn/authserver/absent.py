"""What GoTrue has and this server has not: each answers as GoTrue does when the part is off.

A client library then reports "disabled" instead of guessing at a bare 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyturn.authserver.contract import Who
from keyturn.authserver.problems import Refused


@dataclass(frozen=True)
class Absent:
    """One endpoint (Starlette path syntax) and its fixed answer."""

    path: str
    methods: tuple[str, ...]
    status: int
    error_code: str
    message: str
    who: Who = "anyone"
    """Whom the answer is for: as in GoTrue, strangers learn nothing of what lies below /admin."""

    def refusal(self) -> Refused:
        """Return the error to raise."""
        return Refused(self.status, self.error_code, self.message)


_SAML: Final = "SAML 2.0 is disabled"
_EVERY: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ADMIN: Final = (
    404,
    "feature_disabled",
    "This administrative endpoint is not part of this Auth server yet.",
    "administrator",
)

ABSENT: Final = (
    Absent("/sso", ("POST",), 404, "saml_provider_disabled", _SAML),
    Absent("/sso/saml/{rest:path}", ("GET", "POST"), 404, "saml_provider_disabled", _SAML),
    Absent("/scim/v2/{rest:path}", _EVERY, 404, "feature_disabled", "SCIM server is disabled"),
    Absent("/admin", _EVERY, *_ADMIN),
    Absent("/admin/{part:path}", _EVERY, *_ADMIN),
)
