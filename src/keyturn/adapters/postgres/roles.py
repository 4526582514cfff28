"""The login roles of an embedded cluster: their passwords and how the server learns them.

The passwords are random, kept in one 0600 file, and reach the server only as SCRAM verifiers
(RFC 5803 form, PostgreSQL ``rolpassword``): neither its log nor its memory ever holds them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from keyturn.adapters.files import write_private
from keyturn.adapters.postgres.errors import ClusterBroken
from keyturn.secret import Secret
from keyturn.secret_access import reveal

LOGIN_ROLES = ("postgres", "supabase_auth_admin", "authenticator")
SCRAM_ITERATIONS = 4096
_ATTRIBUTES = {
    "postgres": "SUPERUSER LOGIN",
    "supabase_auth_admin": "NOINHERIT LOGIN",
    "authenticator": "NOINHERIT LOGIN",
}


def load_passwords(path: Path, entropy: Callable[[int], bytes]) -> Mapping[str, Secret]:
    """Return role → password from ``path`` (JSON, 0600), writing the file on first use.

    Raises :class:`ClusterBroken` when the file is not what this function wrote.
    """
    if path.exists():
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
            return {role: Secret(stored[role]) for role in LOGIN_ROLES}
        except (msgspec.DecodeError, KeyError):
            raise ClusterBroken(
                f"{path} does not hold the passwords of {', '.join(LOGIN_ROLES)}.",
                hint="Restore the file; the database accepts only the passwords it was made with.",
            ) from None
    fresh = {role: base64.urlsafe_b64encode(entropy(24)).decode() for role in LOGIN_ROLES}
    write_private(path, msgspec.json.encode(fresh))
    return {role: Secret(password) for role, password in fresh.items()}


def scram_verifier(password: Secret, salt: bytes, iterations: int = SCRAM_ITERATIONS) -> str:
    """Return PostgreSQL's ``SCRAM-SHA-256$…`` verifier of ``password`` (RFC 5802 §3)."""
    salted = hashlib.pbkdf2_hmac("sha256", reveal(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *parts)


def bootstrap_sql(
    passwords: Mapping[str, Secret], entropy: Callable[[int], bytes]
) -> Iterator[str]:
    """Yield the one-line statements that give a new cluster its login roles."""
    for role in LOGIN_ROLES:
        verifier = scram_verifier(passwords[role], entropy(16))
        verb = "ALTER" if role == "postgres" else "CREATE"
        yield f"{verb} ROLE {role} WITH {_ATTRIBUTES[role]} PASSWORD '{verifier}';"
