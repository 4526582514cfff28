"""One-time sign-in links of a running stack's console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyturn.adapters import system
from keyturn.adapters.console_key import console_key
from keyturn.adapters.folder_lock import holder
from keyturn.console.sessions import LINK_LIFE, Role, mint_link
from keyturn.errors import Unreachable
from keyturn.jose.keys import SigningKey
from keyturn.wiring.locations import Locations, locations, read_state
from keyturn.wiring.ring import master_keys


@dataclass(frozen=True)
class Link:
    """A link and when it stops working."""

    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Link(expires_at={self.expires_at.isoformat()})"


def signing_key(where: Locations) -> SigningKey:
    """Return the console's key: derived from the first master key."""
    return console_key(master_keys(where)[0])


def make_link(key: SigningKey, console_url: str, *, actor: str, role: Role = "full") -> Link:
    """Return a new link to the console at ``console_url``."""
    now = system.now()
    token = mint_link(key, now=now, entropy=system.entropy, actor=actor, role=role)
    return Link(f"{console_url.rstrip('/')}/sign-in?link={token}", now + LINK_LIFE)


def link_of_running(data_dir: str | None, *, actor: str, role: Role) -> Link:
    """Return a link to the console of the stack that runs in ``data_dir``.

    Raises ``Unreachable`` when none runs, and what :func:`master_keys` raises.
    """
    where = locations(data_dir)
    state = read_state(where)
    if state is None or holder(where.lock) is None:
        raise Unreachable(
            f"Nothing runs in {where.root}, so there is no console.",
            hint="Start it with `keyturn up`, or name its folder with --data-dir.",
        )
    return make_link(signing_key(where), state.console_url, actor=actor, role=role)
