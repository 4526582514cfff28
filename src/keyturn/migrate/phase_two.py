"""Phase 2, switch signing: Auth signs with the new key; every old session stays valid."""

from __future__ import annotations

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.migrate import wires
from keyturn.migrate.delivery import tell
from keyturn.migrate.deployment_keys import auth_document, read_keys
from keyturn.migrate.plan import Step
from keyturn.migrate.proof import accept, publish, refuse, sign
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.request import CredentialKind as Kinds


def steps(inventory: Inventory) -> tuple[Step, ...]:
    """Return the one step of phase 2.

    Raises :class:`CannotMigrate` when Auth signs with an asymmetric key already, or has none.
    """
    keys = read_keys(inventory)
    if keys.in_use is not None:
        raise CannotMigrate(
            f"Auth signs with the key {keys.in_use.kid} already.",
            hint="`keyturn rotate DIR` turns it; `keyturn migrate DIR` goes on with phase 3.",
        )
    if not keys.standby:
        raise CannotMigrate(
            "Auth has no asymmetric key yet.", hint="Phase 1 comes first: keyturn migrate DIR."
        )
    after = keys.promoted()
    alg = keys.standby[0].alg
    why = f"New tokens are signed with {alg}; the shared secret only verifies from now on."
    return (
        Step(
            f"Auth signs with {alg}",
            why,
            tuple(wires.to_auth(inventory, auth_document(after))),
            tell(inventory, (Kind.AUTH,), why),
            before=(
                accept(Kinds.USER_ES256, why="Whoever does not know the key yet would refuse it."),
            ),
            after=(
                publish(*after.kids),
                sign(alg, keys.standby[0].kid or ""),
                accept(Kinds.USER_ES256, Kinds.USER_HS256, why="Old sessions stay valid."),
                refuse(Kinds.FORGED),
            ),
        ),
    )
