"""Links by mail for accounts that may or may not exist: the answer never tells which.

Looking up is one read for everybody. What a known account needs beyond it (a write, a mail) is
done after the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.accounts import one_time
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import email_address, require_storable
from keyturn.accounts.one_time import Challenge
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.messages import EMAIL, Origin
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo


@dataclass(frozen=True, slots=True)
class Recover:
    """``POST /recover``."""

    email: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    aud: str | None = None


async def recover(plane: AuthPlane, wanted: Recover, origin: Origin, client: ClientInfo) -> None:
    """Send a recovery link to the account, if there is one.

    Raises ``recover_needs_email``, ``too_soon``, ``mail_limit``, ``no_mailer`` and the rows about
    addresses and challenges. A mail that cannot be sent is logged, not told.
    """
    if not wanted.email:
        raise refuse("recover_needs_email")
    email = email_address(wanted.email)
    challenge = one_time.challenge(wanted.code_challenge, wanted.code_challenge_method)
    messages = sending.with_mailer(plane)
    aud = wanted.aud or plane.settings.jwt_aud
    require_storable(aud)
    limits = sending.budget(plane, EMAIL)
    now = plane.clock()
    found = await messages.store.find(email, "", aud, limits, now)
    sending.check_remaining(found.remaining, EMAIL)
    if found.user is None:
        return
    sending.check_pause(found.user.recovery_sent_at, messages.settings.mail_frequency, now, EMAIL)
    sending.later(plane, send_recovery(plane, found.user, challenge, origin, client))


async def send_recovery(
    plane: AuthPlane,
    user: User,
    challenge: Challenge | None,
    origin: Origin,
    client: ClientInfo,
    kind: str = "recovery",
) -> None:
    """Write a recovery token and mail it; ``kind`` recovery or magic_link, which share the token.

    Raises ``too_soon``, ``mail_limit``, ``mail_not_sent``.
    """
    sending.with_mailer(plane)
    code = sending.mail_code(plane, user.email, pkce=challenge is not None)
    method = sending.LINK_TYPES[kind]
    ask = sending.asking(
        sending.budget(plane, EMAIL),
        ("recovery_token", code),
        flow=sending.flow_of(plane, challenge, method, method),
        action="user_recovery_requested",
    )
    known = await sending.request(plane, user.id, ask, client)
    message = sending.mail(plane, kind, known, code, origin)
    await sending.send(plane, user.id, "recovery_token", message)
