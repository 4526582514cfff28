"""Tokens that stand in a gateway's own files, signed anew when their key turns.

A ``kong.yml`` or ``rds.yaml`` that Keyturn rendered holds the token behind each ``sb_`` key itself,
so that a change needs no new container. Only those tokens change; every other byte stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import ReplaceFile
from keyturn.deploy.inventory import Document, Inventory
from keyturn.deploy.opened import text
from keyturn.jose.keys import SigningKey
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.fresh import Fresh, api_jwt
from keyturn.migrate.live import gateway_tokens, on_the_host
from keyturn.profiles.token import read
from keyturn.secret import Secret

_ROLES: Final = ("anon", "service_role")


def gateway_files(inventory: Inventory, signer: SigningKey, fresh: Fresh) -> Iterator[ReplaceFile]:
    """Yield each file of the gateway with its tokens signed by ``signer``.

    Tokens of the deployment's own asymmetric keys count, with the role of an API key; what somebody
    else signed, and the legacy keys, are left as they are.
    """
    gateway = inventory.gateway
    kids = frozenset(read_keys(inventory).kids)
    made: dict[str, str] = {}
    for document in gateway.documents if gateway is not None else ():
        if not on_the_host(inventory, document):
            continue
        content = document.text or ""
        for token, role in _api_tokens(document, kids):
            if role not in made:
                made[role] = text(api_jwt(role, signer, fresh.now)) or ""
            content = content.replace(token, made[role])
        if content != document.text:
            yield ReplaceFile(document.path, Secret(content.encode("utf-8", "surrogateescape")))


def _api_tokens(document: Document, kids: frozenset[str]) -> Iterator[tuple[str, str]]:
    for token in gateway_tokens(document):
        found = read(token)
        role = (found.claims or {}).get("role") if found is not None else None
        if found is not None and found.kid in kids and role in _ROLES:
            yield token, str(role)
