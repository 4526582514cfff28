"""What ends, and what is trusted again, when a change is taken back: said before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Inventory
from keyturn.migrate.deployment_keys import DeploymentKeys, read_keys
from keyturn.migrate.refusals import CannotMigrate

_OPAQUE: Final = {
    "SUPABASE_PUBLISHABLE_KEY": "publishable key",
    "SUPABASE_SECRET_KEY": "secret key",
}


def losses(now: Inventory, then: Inventory) -> tuple[str, ...]:
    """Return sentences for people about going from the files as they are ``now`` to ``then``."""
    return (*_keys(_read(now), _read(then)), *_api_keys(now, then))


def _read(found: Inventory) -> DeploymentKeys | None:
    """Return the keys; None where Auth's own cannot be told, for then nothing is said of them."""
    try:
        return read_keys(found)
    except CannotMigrate:
        return None


def _keys(now: DeploymentKeys | None, then: DeploymentKeys | None) -> Iterator[str]:
    if now is None or then is None:
        return
    standby = {key.kid for key in now.standby}
    gone = [kid for kid in now.kids if kid not in then.kids]
    if signed := [kid for kid in gone if kid not in standby]:
        yield (
            f"Tokens signed by {_listed(signed)} are refused from then on: users get 401 until "
            "their client refreshes."
        )
    # While another key signs, a standby has signed nothing; here phase 2 may have been taken back.
    if now.in_use is None and (maybe := [kid for kid in gone if kid in standby]):
        yield f"{_listed(maybe)}: not published any more; a token so signed is refused."
    back = [kid for kid in then.kids if kid not in now.kids]
    if back:
        yield f"{_listed(back)} {'is' if len(back) == 1 else 'are'} trusted again."
    if now.legacy is None and then.legacy is not None:
        yield "The shared secret, and the API keys that it signed, are accepted again."


def _api_keys(now: Inventory, then: Inventory) -> Iterator[str]:
    ended = [words for name, words in _OPAQUE.items() if _ends(now, then, name)]
    if ended:
        yield (
            f"The {' and the '.join(ended)} end: whoever moved to "
            f"{'it' if len(ended) == 1 else 'them'} gets 401."
        )


def _ends(now: Inventory, then: Inventory, name: str) -> bool:
    here, before = now.gateway, then.gateway
    value = here.value(name) if here is not None else None
    return bool(value) and value != (before.value(name) if before is not None else None)


def _listed(kids: list[str]) -> str:
    return " and ".join(kids) if len(kids) < 3 else f"{', '.join(kids[:-1])} and {kids[-1]}"
