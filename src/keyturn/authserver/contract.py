"""What an endpoint takes, gives and refuses, declared on the handler that does it.

The OpenAPI document is made from these declarations (:mod:`keyturn.authserver.document`). A
refusal is named by its row of :mod:`keyturn.accounts.errors`, which has its status and code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

Who = Literal["anyone", "user", "administrator", "client"]
Schema = Mapping[str, Any]
Shape = Any
"""A msgspec type, a JSON schema as a mapping, or None for no body."""


@dataclass(frozen=True)
class Contract:
    """One method of one path, as its clients see it."""

    who: Who = "anyone"
    takes: tuple[type, ...] = ()
    """The body is one of these; empty when none is read."""
    body: Literal["json", "form", "either"] = "json"
    body_required: bool = True
    gives: Mapping[int, Shape] | None = None
    """Status → body of answers that are not refusals."""
    query: Mapping[str, Schema] | None = None
    refuses: tuple[str, ...] = ()
    """Names of error rows."""
    also: tuple[tuple[int, str], ...] = ()
    """Status and code of refusals that no row has."""
    audience: bool = False
    """``X-JWT-AUD`` counts."""
    oauth: bool = False
    """Refuses in the shape of RFC 6749 as well."""
    hooks: bool = False
    """A hook of the operator may refuse with a status and words of its own."""
    fixed: bool = False
    """The endpoint is absent: its one answer is the refusal in ``also``."""


_WORDS: Final = {
    "text": "text_not_storable text_too_long",
    "user": (
        "no_authorization bad_jwt missing_sub sub_not_uuid session_not_uuid jwt_user_not_found "
        "jwt_session_not_found jwt_user_banned"
    ),
    "admin": (
        "no_authorization bad_jwt not_admin sub_not_uuid session_not_uuid jwt_user_not_found "
        "jwt_session_not_found jwt_session_over jwt_user_banned"
    ),
    "email": "email_required email_invalid email_too_long",
    "mail": "no_mailer mail_limit mail_not_sent too_soon",
    "sms": "no_sms phone_invalid sms_channel sms_limit sms_not_sent too_soon_sms",
    "strength": "password_too_long weak_password password_check_failed",
    "pkce": "pkce_incomplete pkce_length pkce_characters pkce_method",
}
"""Refusals that go together; a declaration names them by ``@`` and the word."""

Handler = TypeVar("Handler", bound=Callable[..., Any])
_KEPT: Final = "contract"


def declares(
    *,
    who: Who = "anyone",
    takes: type | tuple[type, ...] = (),
    gives: Mapping[int, Shape] | Shape = None,
    refuses: str = "",
    **more: Any,
) -> Callable[[Handler], Handler]:
    """Keep a :class:`Contract` with a handler.

    ``gives`` that is no mapping of statuses is the body of a 200. ``refuses`` are names of error
    rows and ``@groups``, parted by blanks; what a bearer may be told comes with ``who``. ``more``
    are further members of the contract.
    """
    statuses = isinstance(gives, Mapping) and all(isinstance(key, int) for key in gives)
    contract = Contract(
        who=who,
        takes=takes if isinstance(takes, tuple) else (takes,),
        gives=gives if statuses else {200: gives},
        refuses=_names(f"{_BEARER.get(who, '')} {refuses}"),
        **more,
    )

    def keep(handler: Handler) -> Handler:
        handler.__dict__[_KEPT] = contract
        return handler

    return keep


_BEARER: Final = {"user": "@user", "administrator": "@admin"}


def _names(text: str) -> tuple[str, ...]:
    words = (
        name
        for word in text.split()
        for name in (_WORDS[word[1:]].split() if word.startswith("@") else (word,))
    )
    return tuple(dict.fromkeys(words))


def contract_of(handler: Callable[..., Any]) -> Contract | None:
    """Return what ``handler``, a method too, declares."""
    found = getattr(handler, _KEPT, None)
    return found if isinstance(found, Contract) else None
