"""How flows send mail and SMS, and where one-time tokens are kept.

Every method of the store is one round trip and one transaction, with the errors of
:mod:`keyturn.flows.ports.accounts`.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from keyturn.accounts.message_settings import MessageSettings
from keyturn.accounts.sessions import Session
from keyturn.accounts.user import User
from keyturn.errors import KeyturnError
from keyturn.flows.ports.accounts import Actor, ClientInfo, NewSession, NewUser


class MessageNotSent(KeyturnError):
    """A message could not be handed over; ``message`` says why, without its content."""

    code = "message_not_sent"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; ``values`` are GoTrue's template variables, without their leading dot."""

    kind: str
    to: str
    subject: str
    values: Mapping[str, object] = field(repr=False)


class Mailer(Protocol):
    """Renders and hands over mail."""

    async def send(self, mail: Mail) -> None:
        """Return once the next mail server has it; raises :class:`MessageNotSent`."""
        ...


class SmsSender(Protocol):
    """Hands SMS to a provider."""

    async def send(self, phone: str, text: str, channel: str) -> str:
        """Return the provider's id of the message; raises :class:`MessageNotSent`.

        ``phone`` is E.164 without the plus sign; ``channel`` is ``sms`` or ``whatsapp``.
        """
        ...


class SmsCodes(Protocol):
    """A provider that makes the codes itself; what this server made is never sent."""

    async def check(self, phone: str, code: str) -> bool:
        """Tell whether ``code`` is the one that ``phone`` got; a right one works once.

        Raises :class:`MessageNotSent` when the provider cannot be asked.
        """
        ...


class Later(Protocol):
    """Work that goes on after the answer was given."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in the background; a failure is logged, never raised."""
        ...


class Token(msgspec.Struct, frozen=True):
    """One token to keep; ``type`` is a value of ``auth.one_time_token_type``."""

    type: str
    hash: str
    relates_to: str


class Flow(msgspec.Struct, frozen=True):
    """A row of ``auth.flow_state`` to make: PKCE's memory between the two halves."""

    id: str
    auth_code: str
    challenge: str
    method: str
    provider: str
    authentication: str


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What asking for a message writes; see ``keyturn.request_token`` (migration 0030).

    ``frequency`` is in seconds; ``channel`` (email, sms) with ``count`` and ``seconds`` is the
    budget of all processes. Members that are None are not written.
    """

    tokens: tuple[Token, ...]
    frequency: float | None = None
    channel: str | None = None
    count: int | None = None
    seconds: float | None = None
    flow: Flow | None = None
    email_change: str | None = None
    phone_change: str | None = None
    invited: bool = False
    user_metadata: Mapping[str, object] | None = None
    action: str | None = None
    traits: Mapping[str, object] | None = None
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """``verdict``: ok, too_soon (wait ``seconds``), over_limit or user_not_found."""

    verdict: str
    seconds: int = 0
    user: User | None = None


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token that somebody shows; see ``keyturn.redeem_token`` (migration 0031)."""

    types: tuple[str, ...]
    hashes: tuple[str, ...] = msgspec.field(default=())
    identifier: str | None = None
    aud: str | None = None
    phone: bool | None = None
    accepted: bool | None = None
    life: int | None = None
    secure_email_change: bool | None = None
    flow_method: str | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """``verdict``: ok, single_confirmation, or the name of an error row.

    A code when the token belongs to a PKCE flow, else a session.
    """

    verdict: str
    auth_code: str | None = field(default=None, repr=False)
    user: User | None = None
    session: Session | None = None
    provider_token: str | None = field(default=None, repr=False)
    provider_refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An account, or None, and how many messages may still be sent."""

    user: User | None
    remaining: float


class OneTimeStore(Protocol):
    """One-time tokens and PKCE flows in GoTrue's tables, and the send budgets in ours."""

    async def find(self, email: str, phone: str, aud: str, budget: Ask, now: datetime) -> Found:
        """Look the account up by ``email`` or else ``phone``, and the budget of ``budget``."""
        ...

    async def owner(self, claim: Claim) -> tuple[str, str]:
        """Return address and number of the account that a token belongs to; empty: nobody's."""
        ...

    async def request(
        self, user_id: str, ask: Ask, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Requested:
        """Write the tokens of ``ask`` when frequency and budget allow it."""
        ...

    async def create_pending(
        self, new: NewUser, ask: Ask, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Requested:
        """Create an unconfirmed account with its tokens. Raises ``email_exists`` and the like."""
        ...

    async def failed(self, user_id: str, token_type: str, channel: str) -> None:
        """Take note that a message did not leave: the next may be asked for at once."""
        ...

    async def redeem(
        self, claim: Claim, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Redeemed:
        """Use a token once. Raises ``email_exists`` when a new address was taken meanwhile."""
        ...

    async def exchange(
        self,
        code: str,
        challenges: Mapping[str, str],
        life: timedelta,
        session: NewSession,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> Redeemed:
        """Use the code of a PKCE flow once; ``session`` brings the tokens, the flow its method."""
        ...

    async def nonce_fits(self, user_id: str, token_hash: str, life: int, now: datetime) -> bool:
        """Tell whether this is the user's current reauthentication nonce."""
        ...


@dataclass(slots=True)
class Messages:
    """What the flows about messages work with; without a sender they refuse."""

    settings: MessageSettings
    store: OneTimeStore
    later: Later
    external_url: str
    mailer: Mailer | None = None
    sms: SmsSender | None = None
    sms_codes: SmsCodes | None = None
