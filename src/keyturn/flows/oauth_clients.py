"""Clients of the OAuth server: registering themselves, and administered."""

from __future__ import annotations

from keyturn.accounts import oauth_clients as rules
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import uuid4_from, uuid_text
from keyturn.accounts.oauth_clients import ClientChange, OAuthClient, Registration
from keyturn.flows.plane import AuthPlane


def require_server(plane: AuthPlane) -> None:
    """Raise ``oauth_server_off`` unless the OAuth server is on."""
    if not plane.settings.oauth_server.enabled:
        raise refuse("oauth_server_off")


def require_registration(plane: AuthPlane) -> None:
    """Raise ``oauth_server_off`` or ``oauth_registration_off`` unless clients may register."""
    require_server(plane)
    if not plane.settings.oauth_server.dynamic_registration:
        raise refuse("oauth_registration_off")


async def register(plane: AuthPlane, wanted: Registration, kind: str) -> tuple[OAuthClient, str]:
    """Create a client, ``dynamic`` or ``manual``; return it with its secret, empty when public.

    Raises ``validation_failed`` saying what is wrong.
    """
    wanted = rules.checked_registration(wanted)
    public = wanted.client_type == rules.PUBLIC
    secret = "" if public else rules.new_secret(plane.entropy(rules.SECRET_BYTES))
    client = await plane.oauth.create_client(
        uuid4_from(plane.entropy(16)),
        wanted,
        kind,
        rules.hash_of(secret) if secret else "",
        plane.clock(),
    )
    return client, secret


async def list_clients(plane: AuthPlane) -> list[OAuthClient]:
    """Return all clients, newest first."""
    return await plane.oauth.list_clients()


async def get(plane: AuthPlane, client_id: str) -> OAuthClient:
    """Return one client; raises ``client_id_format``, ``oauth_client_not_found``."""
    return _there(await plane.oauth.find_client(_id(client_id)))


async def change(plane: AuthPlane, client_id: str, wanted: ClientChange) -> OAuthClient:
    """Change a client; raises what :func:`get` raises and ``validation_failed``."""
    known = await get(plane, client_id)
    rules.check_change(wanted)
    return _there(await plane.oauth.change_client(known.id, wanted, None, plane.clock()))


async def delete(plane: AuthPlane, client_id: str) -> None:
    """Delete a client: nobody can use it any more; raises what :func:`get` raises."""
    if not await plane.oauth.delete_client(_id(client_id), plane.clock()):
        raise refuse("oauth_client_not_found")


async def regenerate_secret(plane: AuthPlane, client_id: str) -> tuple[OAuthClient, str]:
    """Give a client a new secret; the old one ends at once.

    Raises what :func:`get` raises and ``public_client_secret``.
    """
    known = await get(plane, client_id)
    if known.is_public:
        raise refuse("public_client_secret")
    secret = rules.new_secret(plane.entropy(rules.SECRET_BYTES))
    changed = await plane.oauth.change_client(
        known.id, ClientChange(), rules.hash_of(secret), plane.clock()
    )
    return _there(changed), secret


def _id(text: str) -> str:
    found = uuid_text(text)
    if found is None:
        raise refuse("client_id_format")
    return found


def _there(client: OAuthClient | None) -> OAuthClient:
    if client is None:
        raise refuse("oauth_client_not_found")
    return client
