"""``/config/auth/signing-keys``: the ring, through the same flows as the command line."""

from __future__ import annotations

from typing import Final

from keyturn.console.api.call import Call, only, text
from keyturn.console.errors import BadRequest, NotFound
from keyturn.errors import Conflict
from keyturn.flows import keys
from keyturn.flows.keys import Done
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.keys import signing_key_from_jwk
from keyturn.keyring.errors import IllegalTransition
from keyturn.keyring.ring import RingKey
from keyturn.keyring.states import KeyState

_STATES: Final = tuple(state.value for state in KeyState)


class NoLegacySecret(Conflict):
    """Keyturn was started without a JWT_SECRET, and a secret is not sent over HTTP."""

    code = "no_legacy_secret"
    default_hint = (
        "Start it with --jwt-secret-file FILE or GOTRUE_JWT_SECRET, or run "
        "`keyturn keys import --legacy --file FILE`."
    )


def shape(key: RingKey) -> dict[str, object]:
    """Return a SigningKey; ``public_jwk`` is null for a shared secret."""
    times = (key.promoted_at, key.retired_at, key.revoked_at, key.created_at)
    return {
        "id": key.kid,
        "algorithm": key.alg,
        "status": key.state.value,
        "public_jwk": None if key.symmetric or key.key is None else key.key.public_jwk(),
        "created_at": key.created_at.isoformat(),
        "updated_at": max(moment for moment in times if moment).isoformat(),
    }


async def list_keys(call: Call) -> object:
    """All keys, oldest first."""
    ring = await call.services.bench.store.load()
    return {"keys": [shape(key) for key in ring.keys]}


async def get_key(call: Call) -> object:
    """One key."""
    ring = await call.services.bench.store.load()
    return shape(ring.find(call.path["id"]))


async def get_legacy(call: Call) -> object:
    """The imported JWT_SECRET while it is trusted."""
    ring = await call.services.bench.store.load()
    if ring.has_legacy is None:
        raise NotFound("No legacy secret is trusted here.")
    return shape(ring.has_legacy)


async def import_legacy(call: Call) -> object:
    """Bring in the secret of this process; asking again changes nothing."""
    only(call.body)
    bench, key = call.services.bench, call.services.legacy_key
    known = (await bench.store.load()).has_legacy
    if known is not None:
        return shape(known)
    if key is None:
        raise NoLegacySecret
    return _entered(await keys.import_key(bench, call.intent(), key))


async def create_key(call: Call) -> object:
    """A new standby, or a private JWK brought from elsewhere."""
    only(call.body, "algorithm", "status", "private_jwk")
    alg = text(call.body, "algorithm", among=tuple(ALGORITHMS))
    if call.body.get("status", "standby") != "standby":
        raise BadRequest(
            "A key is published before it signs: create it as standby, then set it in_use."
        )
    bench, intent = call.services.bench, call.intent()
    jwk = call.body.get("private_jwk")
    if jwk is None:
        return _entered(await keys.generate(bench, intent, alg=alg))
    if not isinstance(jwk, dict) or jwk.get("alg", alg) != alg:
        raise BadRequest('"private_jwk" must be a JWK of the algorithm that is named.')
    if not isinstance(jwk.get("kid"), str):
        raise BadRequest('"private_jwk" must have a "kid".')
    signer = signing_key_from_jwk({**jwk, "alg": alg}, kid=jwk["kid"])
    return _entered(await keys.import_key(bench, intent, signer))


async def change_key(call: Call) -> object:
    """Rotate to a standby (``in_use``) or revoke; the waits of the ring hold.

    With ``dry_run`` all is decided and nothing changed.
    """
    only(call.body, "status")
    wanted = text(call.body, "status", among=_STATES)
    services, kid, intent = call.services, call.path["id"], call.intent()
    bench = services.rehearsing if call.flag("dry_run") else services.bench
    if wanted == KeyState.IN_USE:
        return shape((await keys.promote(bench, intent, kid)).after.find(kid))
    if wanted == KeyState.REVOKED:
        return shape((await keys.revoke(bench, intent, kid)).after.find(kid))
    key = (await bench.store.load()).find(kid)
    if key.state == wanted:
        return shape(key)
    raise IllegalTransition(
        f"cannot make key {kid} {wanted}: it is {key.state.value}",
        hint="A key goes from standby to in_use, previously_used and revoked, never back.",
    )


async def delete_key(call: Call) -> object:
    """Forget a revoked key; the audit log keeps it."""
    done = await keys.delete(call.services.bench, call.intent(), call.path["id"])
    return shape(done.before.find(call.path["id"]))


def _entered(done: Done) -> dict[str, object]:
    return shape(done.after.find(done.change.steps[0].kid))
