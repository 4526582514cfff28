"""Looks into a deployment's PostgreSQL for what depends on keys, without changing anything.

One read-only transaction with short timeouts. Each question has a savepoint of its own: a schema
that is missing, or that this role may not read, becomes a sentence and the next question is asked.
Credentials are classified here and go no further.
"""

from __future__ import annotations

import asyncio
from typing import Final

from keyturn.doctor.facts import DatabaseFacts, Unknown
from keyturn.errors import UsageError
from keyturn.secret import Secret
from keyturn.secret_access import reveal

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 20.0
_SCHEMES: Final = (b"postgres://", b"postgresql://")


async def look(database_url: Secret) -> DatabaseFacts | Unknown:
    """Implement :class:`keyturn.flows.ports.doctor.DatabaseLook` over asyncpg."""
    if not reveal(database_url).strip().startswith(_SCHEMES):
        raise UsageError(
            "The database URL does not start with postgresql://.",
            hint="Write it as postgresql://postgres@127.0.0.1:5432/postgres.",
        )
    try:
        from keyturn.adapters.doctor_database_read import read
    except ModuleNotFoundError as missing:
        return Unknown(
            f"Looking into a database needs {missing.name}: pip install 'keyturn[server]'."
        )
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            return await read(database_url, CONNECT_SECONDS)
    except TimeoutError:
        return Unknown("The database took too long to answer.")
