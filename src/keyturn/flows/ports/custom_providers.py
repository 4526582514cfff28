"""Where providers that administrators added are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from keyturn.accounts.custom_providers import CustomProvider


class KeptProvider(msgspec.Struct, frozen=True):
    """A row with its times and its secret, sealed or not."""

    row: CustomProvider
    created_at: datetime
    updated_at: datetime
    stored_secret: str

    def __repr__(self) -> str:
        return f"KeptProvider({self.row.identifier})"


class CustomProviderStore(Protocol):
    """Custom providers in GoTrue's ``auth`` schema; every method is one round trip."""

    async def create(
        self, row: CustomProvider, stored_secret: str, most: int, now: datetime
    ) -> KeptProvider:
        """Add one. Raises ``custom_provider_exists``, ``over_custom_provider_quota``."""
        ...

    async def find(self, identifier: str) -> KeptProvider | None:
        """Return one."""
        ...

    async def list(self) -> list[KeptProvider]:
        """Return all, oldest first."""
        ...

    async def change(
        self, row: CustomProvider, stored_secret: str, now: datetime
    ) -> KeptProvider | None:
        """Replace one."""
        ...

    async def delete(self, identifier: str) -> bool:
        """Delete one; False when there was none."""
        ...
