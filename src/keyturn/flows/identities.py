"""What users do with the identities of their account."""

from __future__ import annotations

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import uuid_text
from keyturn.flows.callers import audience
from keyturn.flows.notifications import notify
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.accounts import ClientInfo


async def unlink(
    plane: AuthPlane,
    caller: Caller,
    identity_id: str,
    client: ClientInfo,
    aud_header: str | None = None,
) -> None:
    """Remove one identity; the account keeps at least one.

    The address of the account follows the identities that are left. Raises
    ``manual_linking_disabled`` (404), ``identity_id_not_uuid`` (404), ``unexpected_audience``
    (403), ``single_identity``, ``identity_not_found`` and ``identity_email_conflict`` (422).
    """
    if not plane.settings.manual_linking:
        raise refuse("manual_linking_disabled")
    wanted = uuid_text(identity_id)
    if wanted is None:
        raise refuse("identity_id_not_uuid")
    require_linking(plane, caller, aud_header)
    audit = plane.settings.audit_log_postgres
    await plane.factors.unlink_identity(caller.user.id, wanted, client, plane.clock(), audit=audit)
    for identity in caller.user.identities or ():
        if identity.identity_id == wanted:
            notify(plane, "identity_unlinked", caller.user, client, Provider=identity.provider)


def require_linking(plane: AuthPlane, caller: Caller, aud_header: str | None = None) -> None:
    """Raise ``manual_linking_disabled`` (404) and ``unexpected_audience`` (403)."""
    if not plane.settings.manual_linking:
        raise refuse("manual_linking_disabled")
    if caller.claims.get("aud") != audience(plane, aud_header, caller.claims):
        raise refuse("unexpected_audience")
