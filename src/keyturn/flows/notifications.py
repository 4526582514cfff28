"""Mails that say what was changed in an account (GoTrue's ``MAILER_NOTIFICATIONS_*``).

They leave after the answer and change nothing: when one cannot be sent it is logged, no more.
"""

from __future__ import annotations

import msgspec

from keyturn.accounts.errors import AuthError
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.hooks import send_email
from keyturn.flows.messages import EMAIL
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.messages import Mail


def notify(
    plane: AuthPlane,
    name: str,
    user: User,
    client: ClientInfo,
    *,
    to: str | None = None,
    **facts: str,
) -> None:
    """Tell ``user`` of ``name`` (``password_changed`` …), when the operator wants that.

    ``to`` is where it goes instead of the account's address; ``facts`` are further template
    variables. An account without an address is told nothing.
    """
    address = user.email if to is None else to
    messages = plane.messages
    if messages is None or not messages.settings.notifies(name) or not address:
        return
    if messages.mailer is None and plane.settings.hooks.send_email is None:
        return
    kind = f"{name}_notification"
    mail = Mail(
        kind=kind,
        to=address,
        subject=messages.settings.subject(kind),
        values={
            "SiteURL": plane.settings.site_url,
            "Email": user.email,
            "SendingTo": address,
            "Data": msgspec.json.decode(user.user_metadata),
            **facts,
        },
    )
    messages.later.start(_send(plane, user, mail, client))


async def _send(plane: AuthPlane, user: User, mail: Mail, client: ClientInfo) -> None:
    messages = sending.messages_of(plane)
    # It counts like any other mail: whoever changes things back and forth must not flood anybody.
    limits = sending.budget(plane, EMAIL, frequency=False, always=True)
    try:
        await sending.request(plane, user.id, limits, client)
    except AuthError:  # over the budget
        return
    if plane.settings.hooks.send_email is not None:
        facts = {"email_action_type": mail.kind, "site_url": plane.settings.site_url}
        named = ("OldEmail", "OldPhone", "Phone", "Provider", "FactorType")
        names = {"OldEmail": "old_email", "OldPhone": "old_phone", "Phone": "phone"}
        names |= {"Provider": "provider", "FactorType": "factor_type"}
        told = {names[name]: mail.values[name] for name in named if name in mail.values}
        empty = dict.fromkeys(("token", "token_hash", "redirect_to", "token_new"), "")
        await send_email(plane, user, {**empty, "token_hash_new": "", **facts, **told}, None)
    elif messages.mailer is not None:
        await messages.mailer.send(mail)
