"""Custom providers in PostgreSQL; rows travel as JSON: more or fewer columns do not hurt."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from keyturn.accounts.custom_providers import CustomProvider
from keyturn.accounts.errors import refuse
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.custom_providers import KeptProvider

_PACKAGE: Final = "keyturn.adapters.postgres"
_CHANGE: Final = load(_PACKAGE, "custom_providers/change")
_CREATE: Final = load(_PACKAGE, "custom_providers/create")
_DELETE: Final = load(_PACKAGE, "custom_providers/delete")
_FIND: Final = load(_PACKAGE, "custom_providers/find")
_LIST: Final = load(_PACKAGE, "custom_providers/list")


class _Document(CustomProvider, frozen=True, kw_only=True):
    client_secret: str
    created_at: datetime
    updated_at: datetime


class PostgresCustomProviderStore:
    """Implements :class:`keyturn.flows.ports.custom_providers.CustomProviderStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def create(
        self, row: CustomProvider, stored_secret: str, most: int, now: datetime
    ) -> KeptProvider:
        """Add one."""
        document = _document(row, stored_secret, now)
        with translated("saving_custom_provider"):
            made: str | None = await self._pool.fetchval(_CREATE, document, most)
        if made is None:
            raise refuse("over_custom_provider_quota")
        return _kept(made)

    async def find(self, identifier: str) -> KeptProvider | None:
        """Return one."""
        found: str | None = await self._pool.fetchval(_FIND, identifier)
        return None if found is None else _kept(found)

    async def list(self) -> list[KeptProvider]:
        """Return all, oldest first."""
        return [_kept(row["document"]) for row in await self._pool.fetch(_LIST)]

    async def change(
        self, row: CustomProvider, stored_secret: str, now: datetime
    ) -> KeptProvider | None:
        """Replace one."""
        with translated("saving_custom_provider"):
            made: str | None = await self._pool.fetchval(
                _CHANGE, _document(row, stored_secret, now)
            )
        return None if made is None else _kept(made)

    async def delete(self, identifier: str) -> bool:
        """Delete one."""
        return bool(await self._pool.fetchval(_DELETE, identifier))


def _document(row: CustomProvider, stored_secret: str, now: datetime) -> str:
    members = {**msgspec.structs.asdict(row), "client_secret": stored_secret}
    return msgspec.json.encode({**members, "created_at": now, "updated_at": now}).decode()


def _kept(document: str) -> KeptProvider:
    found = msgspec.json.decode(document, type=_Document)
    row = CustomProvider(
        **{name: getattr(found, name) for name in CustomProvider.__struct_fields__}
    )
    return KeptProvider(row, found.created_at, found.updated_at, found.client_secret)
