"""Phase 1, dual verification: everybody learns the new keys, Auth goes on signing HS256.

Verifiers first: they take the public keys beside the shared secret. Then Auth, which publishes the
keys and may not sign with them yet. Then the gateway, which puts an ES256 token in place of an
``sb_`` key, and after it whoever is handed those keys: Functions and Studio would otherwise call a
gateway that does not know them yet. Functions learn the public keys in that same round, so that no
service is created anew twice. Nothing that worked before is refused at any point (services.md §10,
P1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from keyturn.apikeys.opaque import OpaqueKind
from keyturn.deploy.edit import Edit, SetVariable
from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.jose.keys import private_jwk, signing_key_from_secret
from keyturn.migrate import wires
from keyturn.migrate.auth_first import auth_first, trusting
from keyturn.migrate.blockers import before_phase_one, stop
from keyturn.migrate.capabilities import (
    ASYMMETRIC,
    has_url_key,
    takes_opaque_keys,
    url_signing_key,
)
from keyturn.migrate.delivery import tell
from keyturn.migrate.deployment_keys import (
    AUTH_KEYS,
    AUTH_SECRET,
    DeploymentKeys,
    auth_document,
    read_keys,
    verifier_document,
)
from keyturn.migrate.fresh import Fresh, api_jwt
from keyturn.migrate.notation import only_changes
from keyturn.migrate.plan import Say, Step
from keyturn.migrate.proof import accept, publish, refuse
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.request import CredentialKind as Kinds

_OPAQUE: Final[tuple[tuple[str, OpaqueKind], ...]] = (
    ("SUPABASE_PUBLISHABLE_KEY", "publishable"),
    ("SUPABASE_SECRET_KEY", "secret"),
)
URL_KID: Final = "storage-url-1"
GUARDED: Final = (Kind.REST, Kind.REALTIME, Kind.STORAGE)
"""Services whose anonymous requests carry an API key alone; Functions may want more than that."""
_VERIFIERS: Final = (Kind.REST, Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS)
_BOTH: Final = (Kinds.USER_ES256, Kinds.USER_HS256)


def steps(inventory: Inventory, fresh: Fresh) -> tuple[Step, ...]:
    """Return the steps of phase 1; raises ``CannotMigrate`` for a deployment that cannot."""
    stop(before_phase_one(inventory))
    found = read_keys(inventory)
    before = trusting(inventory, found)
    if before.in_use is None and before.legacy is None:
        raise _nothing_signs(inventory)
    after = _with_new_keys(before, fresh)
    api_keys = tuple(_api_keys(inventory, after, fresh)) if takes_opaque_keys(inventory) else ()
    later = (Kind.FUNCTIONS,) if _is_handed(inventory, Kind.FUNCTIONS, api_keys) else ()
    told = tuple(kind for kind in VERIFIERS if kind not in later)
    first = auth_first(inventory, found, before)
    return (
        *((first,) if first is not None else ()),
        _verifiers_learn(inventory, after, fresh, told),
        _auth_publishes(inventory, after, told),
        *_gateway_translates(inventory, api_keys, later),
    )


def _nothing_signs(inventory: Inventory) -> CannotMigrate:
    auth = inventory.of_kind(Kind.AUTH)
    secret = auth.get(AUTH_SECRET) if auth is not None else None
    if secret is not None and secret.is_set:
        keys = auth.get(AUTH_KEYS) if auth is not None else None
        return CannotMigrate(
            f"No key in {AUTH_KEYS} signs, so Auth does not start.",
            place=keys.changed_at[1] if keys is not None else None,
            hint="`keyturn doctor DIR` says what is wrong with it and how to mend it.",
        )
    variable = inventory.variable("JWT_SECRET")
    env = any(one.path.rpartition("/")[2].startswith(".env") for one in inventory.files)
    return CannotMigrate(
        "JWT_SECRET has no value, so nobody knows the secret that the services run with.",
        place=variable.place if variable is not None else secret.place if secret else None,
        hint="Give JWT_SECRET in .env the value that is in use."
        if env
        else "There is no .env here, or it is a link that leads nowhere; put it beside the compose "
        "file, or name it with --env-file.",
    )


def _is_handed(inventory: Inventory, kind: Kind, edits: Iterable[Edit]) -> bool:
    """Whether a service takes one of the variables that ``edits`` set."""
    service = inventory.of_kind(kind)
    names = {edit.name for edit in edits if isinstance(edit, SetVariable)}
    settings = service.settings.values() if service is not None else ()
    return any(variable.name in names for one in settings for variable in one.variables)


def _with_new_keys(keys: DeploymentKeys, fresh: Fresh) -> DeploymentKeys:
    """Add what is missing of: one key that will sign, and one behind it."""
    known = len(keys.standby) + (keys.in_use is not None)
    new = (fresh.key, fresh.standby)[: max(0, 2 - known)] if known else (fresh.key, fresh.standby)
    for key in new:
        keys = keys.with_standby(key)
    return keys


def _verifiers_learn(
    inventory: Inventory, keys: DeploymentKeys, fresh: Fresh, told: tuple[Kind, ...]
) -> Step:
    document = verifier_document(keys)
    edits: list[Edit] = [SetVariable("JWT_JWKS", document)]
    for wire in (wires.REST, wires.REALTIME, wires.FUNCTIONS):
        if wire.kind in told:
            edits += wires.hand_over(inventory, wire, document)
    edits += _storage(inventory, keys, fresh)
    why = "Verifiers must know a key before anything is signed with it."
    return Step(
        "Every verifier learns the new public keys and keeps the shared secret",
        why,
        tuple(only_changes(inventory, edits)),
        tell(inventory, (kind for kind in _VERIFIERS if kind in told), why),
        after=(
            accept(Kinds.USER_HS256, why="Old sessions go on."),
            refuse(Kinds.FORGED, why="A forged token must be refused by all."),
        ),
        leave=frozenset(
            one.name for kind in _VERIFIERS if kind not in told and (one := inventory.of_kind(kind))
        ),
    )


def _storage(inventory: Inventory, keys: DeploymentKeys, fresh: Fresh) -> Iterator[Edit]:
    """Storage gets a key of its own for signed URLs, so that they survive phase 3."""
    if inventory.of_kind(Kind.STORAGE) is None:
        return
    if not has_url_key(inventory):
        yield from wires.edits(inventory, wires.STORAGE)
        return
    url_key = url_signing_key(inventory) or _new_url_key(fresh)
    document = verifier_document(keys, url_key, urlSigningKey=url_key)
    yield SetVariable(wires.STORAGE_OWN.variable, document)
    yield from wires.edits(inventory, wires.STORAGE_OWN)


def _new_url_key(fresh: Fresh) -> dict[str, object]:
    key = signing_key_from_secret(fresh.secret(), kid=URL_KID)
    row: dict[str, object] = json.loads(text(private_jwk(key)) or "")
    return {"kty": "oct", "kid": URL_KID, "k": row["k"], "alg": "HS256"}


def _auth_publishes(inventory: Inventory, keys: DeploymentKeys, told: tuple[Kind, ...]) -> Step:
    alg = keys.in_use.alg if keys.in_use is not None else "HS256"
    why = f"Auth publishes the keys at /auth/v1/.well-known/jwks.json and signs {alg} as before."
    return Step(
        f"Auth publishes the new keys and goes on signing {alg}",
        why,
        tuple(only_changes(inventory, wires.to_auth(inventory, auth_document(keys)))),
        tell(inventory, (Kind.AUTH,), why),
        after=(
            publish(*keys.kids),
            accept(
                *_BOTH,
                at=told,
                why="Both kinds of token must pass everywhere before Auth switches.",
            ),
            refuse(Kinds.FORGED),
        ),
    )


def _gateway_translates(
    inventory: Inventory, api_keys: tuple[Edit, ...], later: tuple[Kind, ...]
) -> Iterator[Step]:
    if not api_keys:
        return
    learning = wires.edits(inventory, wires.FUNCTIONS) if later else ()
    why = "sb_ keys work beside the legacy keys, so that clients can move at their own pace."
    yield Step(
        "The gateway takes publishable and secret keys beside the legacy ones",
        why,
        (*api_keys, *learning),
        tell(inventory, (*GATEWAYS, Kind.FUNCTIONS, Kind.STUDIO), why),
        after=(
            accept(Kinds.ANON_LEGACY, Kinds.PUBLISHABLE, at=GUARDED),
            accept(*_BOTH),
            refuse(Kinds.FORGED),
            Say(
                "Move your clients to the publishable key and your servers to the secret key; "
                "`keyturn doctor --access-log` counts who still uses the old ones."
            ),
        ),
    )


def _api_keys(inventory: Inventory, keys: DeploymentKeys, fresh: Fresh) -> Iterator[Edit]:
    """Yield what is missing of the two ``sb_`` keys and the two tokens behind them."""
    gateway = inventory.gateway
    for name, kind in _OPAQUE:
        if gateway is not None and not gateway.value(name):
            yield SetVariable(name, fresh.api_key(kind))
    signer = keys.in_use or keys.standby[0]
    for name, role in zip(ASYMMETRIC, ("anon", "service_role"), strict=True):
        if gateway is not None and not gateway.value(name):
            yield SetVariable(name, api_jwt(role, signer, fresh.now))
