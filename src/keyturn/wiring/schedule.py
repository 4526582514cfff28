"""Which key of a deployment, or of a running stack, a schedule turns, and since when it signs."""

from __future__ import annotations

from keyturn.clock import unix
from keyturn.errors import RefusedUnsafe
from keyturn.flows.due import signs_since
from keyturn.keyring.states import KeyState
from keyturn.migrate.deployment_keys import read_keys
from keyturn.wiring.change import ChangeOptions, Workshop


class NothingToTurn(RefusedUnsafe):
    """There is no asymmetric key in use that could be turned."""

    code = "nothing_to_turn"


def of_deployment(options: ChangeOptions) -> tuple[str, int | None]:
    """Return the ``kid`` in use and the Unix time since when the journal saw it sign.

    Raises :class:`NothingToTurn` while Auth signs with the shared secret.
    """
    workshop = Workshop(options)
    keys = read_keys(workshop.inventory())
    if keys.in_use is None:
        raise NothingToTurn(
            "Auth signs with the shared secret, which cannot be turned without an outage.",
            hint="`keyturn migrate DIR` takes the deployment to asymmetric keys first.",
        )
    kid = keys.in_use.kid or ""
    return kid, signs_since(workshop.runs, kid)


async def of_stack(data_dir: str) -> tuple[str, int | None]:
    """Return the ``kid`` in use in the stack's ring and since when, in Unix seconds."""
    from keyturn.wiring.ring_look import look_at_ring

    ring, _ = await look_at_ring(data_dir, 0)
    used = next((one for one in ring.keys if one.state is KeyState.IN_USE), None)
    if used is None:
        raise NothingToTurn("The ring has no key in use.", hint="`keyturn up` makes the first.")
    return used.kid, unix(used.promoted_at or used.created_at)
