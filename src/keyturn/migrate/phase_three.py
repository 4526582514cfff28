"""Phase 3, remove legacy: in the safe order, so that nothing inside the stack is cut off.

P3a the stack's own callers leave the legacy keys; P3b the gateway refuses them, with a clear 401;
P3c the shared secret loses its worth: public-only key sets, and a secret of its own for each
service, because Storage, Realtime and Functions verify with theirs whatever the set says
(services.md §0.1, §10).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from keyturn.deploy.edit import Edit, RemoveSetting, SetHealthcheck, SetSetting, SetVariable
from keyturn.deploy.inventory import GATEWAYS, Inventory, Kind
from keyturn.deploy.probe_keys import reference
from keyturn.deploy.render_names import HEALTH_TOKEN
from keyturn.migrate import wires
from keyturn.migrate.blockers import before_phase_three, stop
from keyturn.migrate.capabilities import url_signing_key
from keyturn.migrate.delivery import tell
from keyturn.migrate.deployment_keys import (
    DeploymentKeys,
    auth_document,
    read_keys,
    verifier_document,
)
from keyturn.migrate.fresh import Fresh, health_token
from keyturn.migrate.phase_one import GUARDED
from keyturn.migrate.plan import Say, Step
from keyturn.migrate.proof import accept, publish, refuse
from keyturn.profiles.request import CredentialKind as Kinds
from keyturn.secret import Secret

_CALLERS: Final = (
    (Kind.STUDIO, "SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY"),
    (Kind.STUDIO, "SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY"),
    (Kind.FUNCTIONS, "SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY"),
    (Kind.FUNCTIONS, "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"),
    # Storage verifies SERVICE_KEY itself for S3 clients, so an sb_ key would not do.
    (Kind.STORAGE, "ANON_KEY", "ANON_KEY_ASYMMETRIC"),
    (Kind.STORAGE, "SERVICE_KEY", "SERVICE_ROLE_KEY_ASYMMETRIC"),
)
"""Settings that hold a legacy key for calls of the stack's own, and what they take instead."""
_OWN_SECRETS: Final = (
    (Kind.AUTH, ("GOTRUE_JWT_SECRET",), "AUTH_OWN_SECRET"),
    (Kind.STORAGE, ("AUTH_JWT_SECRET", "PGRST_JWT_SECRET"), "STORAGE_OWN_SECRET"),
    (Kind.REALTIME, ("METRICS_JWT_SECRET",), "REALTIME_METRICS_SECRET"),
    (Kind.POOLER, ("API_JWT_SECRET",), "POOLER_OWN_SECRET"),
    (Kind.POOLER, ("METRICS_JWT_SECRET",), "POOLER_METRICS_SECRET"),
    (Kind.STUDIO, ("AUTH_JWT_SECRET",), "AUTH_OWN_SECRET"),
)
"""Secrets that a service cannot do without, and the variable with a value that only it has."""
_REALTIME_SECRET: Final = "REALTIME_OWN_SECRET"  # noqa: S105 - a variable's name
_DATABASE_SECRET: Final = "DB_INIT_JWT_SECRET"  # noqa: S105 - a variable's name
_REMOVED: Final = (
    (Kind.REST, "PGRST_APP_SETTINGS_JWT_SECRET"),
    (Kind.FUNCTIONS, "JWT_SECRET"),
)
"""Where the secret is not needed at all."""
_EVERYBODY: Final = (
    Kind.REST,
    Kind.REALTIME,
    Kind.STORAGE,
    Kind.FUNCTIONS,
    Kind.AUTH,
    Kind.STUDIO,
    Kind.POOLER,
)


def steps(inventory: Inventory, fresh: Fresh) -> tuple[Step, ...]:
    """Return the steps of phase 3; raises :class:`CannotMigrate` while it cannot be done."""
    stop(before_phase_three(inventory))
    keys = read_keys(inventory)
    return (
        _callers_leave(inventory),
        _gateway_refuses(inventory),
        _secret_is_worthless(inventory, keys, fresh),
    )


def _callers_leave(inventory: Inventory) -> Step:
    why = "Whoever inside the stack still holds a legacy key would be cut off by the next step."
    edits = [
        edit
        for kind, setting, variable in _CALLERS
        for edit in wires.give(inventory.of_kind(kind), setting, variable)
    ]
    return Step(
        "Studio, Functions and Storage leave the legacy keys",
        why,
        tuple(edits),
        tell(inventory, (Kind.STORAGE, Kind.FUNCTIONS, Kind.STUDIO), why),
        after=(
            accept(Kinds.USER_ES256),
            accept(Kinds.PUBLISHABLE, at=GUARDED),
            refuse(Kinds.FORGED),
        ),
    )


def _gateway_refuses(inventory: Inventory) -> Step:
    why = "Clients with a legacy key get a clear 401 at the gateway, and this can be undone."
    names = ("ANON_KEY", "SERVICE_ROLE_KEY")
    # Realtime's healthcheck names ANON_KEY; its container keeps the old one until P3c.
    realtime = inventory.of_kind(Kind.REALTIME)
    stay = frozenset((realtime.name,) if realtime is not None else ())
    return Step(
        "The gateway refuses the legacy API keys",
        why,
        tuple(SetVariable(name, Secret("")) for name in names),
        tell(inventory, GATEWAYS, why),
        after=(
            accept(Kinds.PUBLISHABLE, at=GUARDED),
            accept(Kinds.USER_ES256),
            refuse(Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY, at=(Kind.REST,)),
            refuse(Kinds.FORGED),
        ),
        leave=stay,
    )


def _secret_is_worthless(inventory: Inventory, keys: DeploymentKeys, fresh: Fresh) -> Step:
    public = replace(keys, legacy=None)
    why = "A token that anybody signs with the old secret is refused by every service, directly."
    return Step(
        "The shared secret verifies nothing any more",
        why,
        (
            SetVariable(wires.REST.variable, verifier_document(public)),
            *wires.hand_over(inventory, wires.REST, verifier_document(public)),
            *_storage_set(inventory, public),
            *wires.to_auth(inventory, auth_document(public)),
            SetVariable("JWT_SECRET", fresh.secret()),
            *_own_secrets(inventory, fresh),
            *_realtime(inventory, fresh),
            *_removed(inventory),
            *_database_unchanged(inventory, keys),
        ),
        tell(inventory, _EVERYBODY, why),
        after=(
            publish(*public.kids),
            accept(Kinds.USER_ES256),
            accept(Kinds.PUBLISHABLE, at=GUARDED),
            refuse(Kinds.USER_HS256, Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY, Kinds.FORGED),
            Say(
                "Scrapers of Realtime's and Supavisor's /metrics need a token signed with the new "
                "secrets; S3 clients that sign in with a session use the new ANON_KEY of Storage."
            ),
        ),
    )


def _storage_set(inventory: Inventory, public: DeploymentKeys) -> Iterator[Edit]:
    """Its own set keeps the key that signs URLs: those issued since phase 1 stay valid."""
    url_key = url_signing_key(inventory)
    if url_key is not None:
        document = verifier_document(public, url_key, urlSigningKey=url_key)
        yield SetVariable(wires.STORAGE_OWN.variable, document)


def _own_secrets(inventory: Inventory, fresh: Fresh) -> Iterator[Edit]:
    made = set[str]()
    for kind, settings, variable in _OWN_SECRETS:
        service = inventory.of_kind(kind)
        named = [name for name in settings if service is not None and service.get(name)]
        if service is None or not named:
            continue
        if variable not in made:
            made.add(variable)
            yield SetVariable(variable, fresh.secret())
        for name in named:
            yield SetSetting(service.name, name, f"${{{variable}}}")


def _realtime(inventory: Inventory, fresh: Fresh) -> Iterator[Edit]:
    """A secret of its own, and a healthcheck token signed with it: nothing else passes there."""
    service = inventory.of_kind(Kind.REALTIME)
    if service is None:
        return
    secret = fresh.secret()
    yield SetVariable(_REALTIME_SECRET, secret)
    yield SetSetting(service.name, "API_JWT_SECRET", f"${{{_REALTIME_SECRET}}}")
    named, own = reference(service.healthcheck, service.settings), f"${{{HEALTH_TOKEN}}}"
    if named is not None:
        yield SetVariable(HEALTH_TOKEN, health_token(secret, fresh.now))
        if named != own:
            yield SetHealthcheck(service.name, named, own)


def _removed(inventory: Inventory) -> Iterator[Edit]:
    for kind, name in _REMOVED:
        service = inventory.of_kind(kind)
        if service is not None and service.get(name) is not None:
            yield RemoveSetting(service.name, name)


def _database_unchanged(inventory: Inventory, keys: DeploymentKeys) -> Iterator[Edit]:
    """The database reads the secret only when it is created; a new value would recreate it."""
    database = inventory.of_kind(Kind.DATABASE)
    if database is not None and database.get("JWT_SECRET") and keys.legacy is not None:
        yield SetVariable(_DATABASE_SECRET, keys.legacy)
        yield SetSetting(database.name, "JWT_SECRET", f"${{{_DATABASE_SECRET}}}")
