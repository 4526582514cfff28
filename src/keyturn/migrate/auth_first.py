"""Where the article was followed to the letter: Auth is given keys that it reads, before all else.

Its ``JWT_KEYS`` (``alg``, ``key_id``, a PEM) are read by no Auth, so nothing was ever signed with
them; and without the ``oct`` key Auth and PostgREST refuse API keys that the gateway still lets in.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting
from keyturn.jose import base64url
from keyturn.jose.errors import JoseError
from keyturn.jose.keys import signing_key_from_secret
from keyturn.migrate import wires
from keyturn.migrate.delivery import tell
from keyturn.migrate.deployment_keys import AUTH_SECRET, DeploymentKeys, auth_document
from keyturn.migrate.plan import Step
from keyturn.migrate.proof import accept, refuse
from keyturn.profiles.request import CredentialKind as Kinds
from keyturn.secret import Secret

_ANON: Final = ("ANON_KEY", "SUPABASE_ANON_KEY")
_UNREAD: Final = (
    "Auth is given its keys in a form that it reads",
    "With the form of the article Auth does not start.",
)
_WITHOUT: Final = (
    "Auth accepts the shared secret again",
    "The gateway lets in API keys that it signed, and Auth refuses them.",
)
"""Title of the step, and why it is done."""


def trusting(inventory: Inventory, keys: DeploymentKeys) -> DeploymentKeys:
    """Return ``keys`` with the shared secret, where the gateway lets in API keys that it signed."""
    auth = inventory.of_kind(Kind.AUTH)
    secret = auth.value(AUTH_SECRET) if auth is not None else None
    if keys.legacy is not None or not secret or not _let_in(inventory, secret):
        return keys
    return replace(keys, legacy=secret)


def auth_first(inventory: Inventory, before: DeploymentKeys, after: DeploymentKeys) -> Step | None:
    """Return the step that gives Auth the keys ``after``; None where it has them already."""
    if after == before and not before.unread:
        return None
    title, why = _UNREAD if before.unread else _WITHOUT
    return Step(
        title,
        why,
        tuple(wires.to_auth(inventory, auth_document(after))),
        tell(inventory, (Kind.AUTH,), why),
        after=(
            accept(Kinds.USER_HS256, at=(Kind.AUTH,), why="Old sessions and API keys pass again."),
            refuse(Kinds.FORGED, at=(Kind.AUTH,)),
        ),
    )


def _let_in(inventory: Inventory, secret: Secret) -> bool:
    gateway = inventory.gateway
    settings = [gateway.get(name) for name in _ANON] if gateway is not None else []
    return any(_signed_with(one, secret) for one in settings)


def _signed_with(setting: Setting | None, secret: Secret) -> bool:
    """Whether it is an HS256 token that ``secret`` signed."""
    parts = (text(setting) or "").strip().split(".") if setting is not None else []
    if len(parts) != 3:
        return False
    try:
        header = json.loads(base64url.decode(parts[0].encode()))
        signature = base64url.decode(parts[2].encode())
    except (ValueError, JoseError):
        return False
    key = signing_key_from_secret(secret, kid=None, allow_short=True).verifying_key()
    is_hs256 = isinstance(header, dict) and header.get("alg") == "HS256"
    return is_hs256 and key.verify(".".join(parts[:2]).encode(), signature)
