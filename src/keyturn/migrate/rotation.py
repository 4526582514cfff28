"""Turning the asymmetric key of a deployment: each service is created anew once, none is refused.

The standby has been known to everybody for a while, so it can sign at once: the gateway's own
tokens first, then Auth's. The same round brings the next standby to every verifier and takes away
the keys whose last token has expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from keyturn.deploy.edit import Edit, SetVariable
from keyturn.deploy.inventory import GATEWAYS, Inventory, Kind
from keyturn.jose.keys import SigningKey
from keyturn.migrate import wires
from keyturn.migrate.capabilities import ASYMMETRIC, url_signing_key
from keyturn.migrate.delivery import tell
from keyturn.migrate.deployment_keys import (
    DeploymentKeys,
    auth_document,
    read_keys,
    verifier_document,
)
from keyturn.migrate.fresh import Fresh, api_jwt
from keyturn.migrate.gateway_files import gateway_files
from keyturn.migrate.phase_one import GUARDED
from keyturn.migrate.plan import Check, Step
from keyturn.migrate.proof import accept, publish, refuse, refuse_former, sign
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.request import CredentialKind as Kinds

_READERS: Final = (Kind.REST, Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS, Kind.STUDIO)


def rotate(inventory: Inventory, fresh: Fresh, expired: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return the steps that let the standby sign; ``expired`` names keys that nobody needs now.

    Raises :class:`CannotMigrate` when Auth signs HS256 still, or no standby is published.
    """
    keys = _turning(inventory)
    if not keys.standby:
        raise CannotMigrate(
            "No standby key is published, so none may sign yet.",
            hint="`keyturn rotate DIR --publish` publishes one; it may sign after the wait.",
        )
    after = keys.without(expired).promoted().with_standby(fresh.standby)
    return _turn(inventory, after, fresh)


def publish_standby(inventory: Inventory, fresh: Fresh) -> tuple[Step, ...]:
    """Return the steps that only publish a new standby key."""
    keys = _turning(inventory).with_standby(fresh.standby)
    why = "A key must be known everywhere before it signs."
    return (
        Step(
            "Every verifier learns the standby key",
            why,
            tuple(_sets(inventory, keys)),
            tell(inventory, _READERS, why),
            after=(accept(Kinds.USER_ES256), refuse(Kinds.FORGED)),
        ),
        _auth(inventory, keys, f"Auth publishes the key {fresh.standby.kid}"),
    )


def revoke(inventory: Inventory, fresh: Fresh, kid: str) -> tuple[Step, ...]:
    """Return the steps after which no service trusts ``kid``, without any wait.

    Whoever holds a token that it signed gets 401 until the client refreshes. Raises
    :class:`CannotMigrate` when there is no such key, or nothing could sign instead of it.
    """
    keys = _turning(inventory)
    if kid not in keys.kids:
        raise CannotMigrate(f"There is no key {kid!r}.", hint=f"There are: {', '.join(keys.kids)}.")
    after = _without(keys, kid, fresh)
    gateway_first = tuple(_api_jwts(inventory, _signer(after), fresh))
    why = f"The key {kid} may be known to somebody."
    steps = []
    in_use = keys.in_use is not None and keys.in_use.kid == kid
    if in_use:
        steps.append(_auth(inventory, after, f"Auth signs with {_signer(after).kid}", ends=True))
    steps.append(
        Step(
            f"Nobody trusts the key {kid} any more",
            why,
            (*gateway_first, *_sets(inventory, after), *_auth_edits(inventory, after)),
            tell(inventory, (*GATEWAYS, *_READERS, Kind.AUTH), why),
            after=(
                publish(*after.kids),
                accept(Kinds.USER_ES256, old_too=False, newest_too=True),
                # Only the private half of the key in use is there to sign a canary with.
                *((refuse_former(Kinds.USER_ES256, why="It is over."),) if in_use else ()),
                refuse(Kinds.FORGED),
            ),
        )
    )
    return tuple(steps)


def _turning(inventory: Inventory) -> DeploymentKeys:
    keys = read_keys(inventory)
    if keys.in_use is None:
        raise CannotMigrate(
            "Auth signs with the shared secret, which cannot be turned without an outage.",
            hint="`keyturn migrate DIR` takes the deployment to asymmetric keys first.",
        )
    return keys


def _turn(inventory: Inventory, after: DeploymentKeys, fresh: Fresh) -> tuple[Step, ...]:
    signer = _signer(after)
    why = (
        f"Everybody has known {signer.kid} for a while; the next standby comes with the same round."
    )
    return (
        Step(
            "Every verifier learns the next standby key, the gateway uses the new one",
            why,
            (*_api_jwts(inventory, signer, fresh), *_sets(inventory, after)),
            tell(inventory, (*_READERS, *GATEWAYS), why),
            before=(_knows(signer),),
            after=(
                accept(Kinds.USER_ES256),
                # A rendered gateway file may still hold a token of a key that ends here.
                accept(Kinds.PUBLISHABLE, at=GUARDED),
                refuse(Kinds.FORGED),
            ),
        ),
        replace(
            _auth(inventory, after, f"Auth signs with {signer.kid}", sign_too=True),
            before=(_knows(signer),),
        ),
    )


def _knows(signer: SigningKey) -> Check:
    """The standby's own token at every service: evidence, before anything is signed with it."""
    return accept(
        Kinds.USER_ES256,
        signed_by=signer.kid or "",
        why="Whoever does not know the key yet would refuse its tokens.",
    )


def _auth(
    inventory: Inventory,
    keys: DeploymentKeys,
    title: str,
    *,
    sign_too: bool = False,
    ends: bool = False,
) -> Step:
    """Auth takes ``keys``; ``ends``: a key that it trusted is not among them any more."""
    why = "The key is not trusted any more." if ends else "Old tokens stay valid."
    checks = [
        publish(*keys.kids),
        *([sign(_signer(keys).alg, _signer(keys).kid or "")] if sign_too or ends else []),
        # At an emergency the verifiers learn the next standby only after Auth signs anew.
        accept(Kinds.USER_ES256, old_too=not ends, newest_too=not ends),
        refuse(Kinds.FORGED),
    ]
    edits = tuple(_auth_edits(inventory, keys))
    return Step(title, why, edits, tell(inventory, (Kind.AUTH,), why), after=tuple(checks))


def _auth_edits(inventory: Inventory, keys: DeploymentKeys) -> Iterator[Edit]:
    yield from wires.to_auth(inventory, auth_document(keys))


def _sets(inventory: Inventory, keys: DeploymentKeys) -> Iterator[Edit]:
    """The key sets of the verifiers, and Storage's own where it has one."""
    shared = verifier_document(keys)
    yield SetVariable(wires.REST.variable, shared)
    for wire in (wires.REST, wires.REALTIME, wires.FUNCTIONS):
        yield from wires.hand_over(inventory, wire, shared)
    url_key = url_signing_key(inventory)
    if url_key is None:
        yield from wires.edits(inventory, wires.STORAGE)
        return
    document = verifier_document(keys, url_key, urlSigningKey=url_key)
    yield SetVariable(wires.STORAGE_OWN.variable, document)
    yield from wires.edits(inventory, wires.STORAGE_OWN)


def _api_jwts(inventory: Inventory, signer: SigningKey, fresh: Fresh) -> Iterator[Edit]:
    """The gateway's tokens are signed anew before their key can go (services.md §11)."""
    for name, role in zip(ASYMMETRIC, ("anon", "service_role"), strict=True):
        if _holds(inventory, name):
            yield SetVariable(name, api_jwt(role, signer, fresh.now))
    yield from gateway_files(inventory, signer, fresh)


def _holds(inventory: Inventory, name: str) -> bool:
    """Whether the gateway is given the token, or the env file has it: Storage may call with it."""
    gateway, variable = inventory.gateway, inventory.variable(name)
    given = gateway.value(name) if gateway is not None else None
    return bool(given) or bool(variable is not None and variable.value)


def _signer(keys: DeploymentKeys) -> SigningKey:
    if keys.in_use is None:
        raise CannotMigrate("No key would sign.")
    return keys.in_use


def _without(keys: DeploymentKeys, kid: str, fresh: Fresh) -> DeploymentKeys:
    """Return the keys without ``kid``; a standby is always left."""
    if keys.in_use is not None and keys.in_use.kid == kid:
        if not keys.standby:
            raise CannotMigrate(
                f"{kid} is the key in use and there is no standby that could sign instead.",
                hint="Publish one first: `keyturn rotate DIR --publish`.",
            )
        keys = keys.promoted().without((kid,))
    standby = tuple(key for key in keys.standby if key.kid != kid)
    keys = replace(keys, standby=standby).without((kid,))
    return keys if keys.standby else keys.with_standby(fresh.standby)
