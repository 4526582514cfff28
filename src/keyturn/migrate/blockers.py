"""What makes a phase impossible for a deployment, all of it at once, each with the remedy.

These are facts of versions and files. Waiting times and evidence are the flow's to judge; what the
profiles foresee is :func:`keyturn.migrate.proof.refuted`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind, Layout
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.probe_keys import reference, spans
from keyturn.deploy.setting import fingerprint
from keyturn.errors import Detail
from keyturn.migrate.capabilities import has_url_key, takes_opaque_keys, url_signing_key
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.capabilities import too_old
from keyturn.profiles.functions import Script, script_of

_METHODS: Final = ("GOTRUE_JWT_VALID_METHODS", "GOTRUE_JWT_VALIDMETHODS")
_NEW_ALGORITHM: Final = "ES256"
_SEEDS: Final = re.compile(r"seeds\.exs|\bRelease\.seeds\b")
"""In a start command: Realtime's own script, and what the community's chart evaluates."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that stands in the way."""

    sentence: str
    remedy: str
    place: Place | None = None


def stop(blockers: Iterable[Blocker]) -> None:
    """Raise :class:`CannotMigrate` with everything that stands in the way; pass when nothing does.

    The first one's place and remedy are the error's own; all of them are its ``details``.
    """
    found = tuple(dict.fromkeys(blockers))
    if not found:
        return
    first, *others = found
    also = "".join(f" {f'{one.place}: ' if one.place else ''}{one.sentence}" for one in others)
    raise CannotMigrate(first.sentence + also, place=first.place, hint=first.remedy).listing(
        [Detail(one.sentence, str(one.place) if one.place else None, one.remedy) for one in found]
    )


def before_phase_one(inventory: Inventory) -> Iterator[Blocker]:
    """Yield what makes dual verification impossible."""
    if inventory.layout is Layout.KUBERNETES:
        yield Blocker(
            "An export of Kubernetes cannot be changed here.",
            "`keyturn render k8s` prints the manifests of each phase.",
        )
    for one in too_old(inventory):
        yield Blocker(
            one.sentence,
            "Upgrade the images first: Supabase's docker/UPGRADING.md.",
            one.service.place,
        )
    yield from _realtime(inventory)
    yield from _methods(inventory)


def _realtime(inventory: Inventory) -> Iterator[Blocker]:
    """A tenant row that is not seeded keeps its old keys, whatever the environment says."""
    service = inventory.of_kind(Kind.REALTIME)
    if service is None:
        return
    seeds = service.get("SEED_SELF_HOST")
    in_command = _SEEDS.search(text(service.command) or "") is not None
    if not in_command and (text(seeds) or "").strip().lower() != "true":
        yield Blocker(
            f"{service.name} does not take its keys from the environment: SEED_SELF_HOST is not "
            "true.",
            'Add SEED_SELF_HOST: "true" to its environment; the tenant row is then written at '
            "every start.",
            seeds.place if seeds else service.place,
        )


def _methods(inventory: Inventory) -> Iterator[Blocker]:
    """An allow-list of algorithms that does not name the new one."""
    auth = inventory.of_kind(Kind.AUTH)
    for name in _METHODS:
        setting = auth.get(name) if auth is not None else None
        if setting is None or not setting.is_set:
            continue
        if _NEW_ALGORITHM not in (text(setting) or "").replace(" ", "").split(","):
            yield Blocker(
                f"{name} does not list {_NEW_ALGORITHM}, so Auth would refuse its own new tokens.",
                f"Add {_NEW_ALGORITHM} to it, or take the line out: the keys then decide.",
                setting.changed_at[1],
            )


def before_phase_three(inventory: Inventory) -> Iterator[Blocker]:
    """Yield what makes the removal of the shared secret impossible or unsafe by the files alone."""
    if read_keys(inventory).in_use is None:
        yield Blocker("Auth still signs HS256.", "Phase 2 comes first.")
    yield from lasting(inventory)


def lasting(inventory: Inventory) -> Iterator[Blocker]:
    """Yield what of it no earlier phase takes away: worth knowing before the first one."""
    gateway = inventory.gateway
    if gateway is None:
        yield Blocker(
            "No gateway of Supabase's (Kong or Envoy) is in these files, so nothing would put a "
            "token in place of an sb_ key, and clients need the legacy ones.",
            "If it stands in another compose file, name all of them with -f.",
        )
    elif not takes_opaque_keys(inventory):
        yield Blocker(
            "The gateway knows only the legacy API keys, so they cannot be taken away.",
            "Update the gateway's files to the current release, then run phase 1 again.",
            gateway.place,
        )
    yield from _signed_urls(inventory)
    yield from _realtime(inventory)
    yield from _health_probe(inventory)
    yield from _functions(inventory)
    yield from _others(inventory)


def _signed_urls(inventory: Inventory) -> Iterator[Blocker]:
    """Storage without a key of its own signs its URLs with the secret that ends (services.md §6).

    So it is where Supabase's add-new-auth-keys.sh came first, or phase 1 was done by hand.
    """
    storage = inventory.of_kind(Kind.STORAGE)
    if storage is None or not has_url_key(inventory) or url_signing_key(inventory) is not None:
        return
    setting = storage.get("JWT_JWKS")
    yield Blocker(
        f"{storage.name} has no urlSigningKey: every signed URL, also a new one, would end with "
        "the shared secret.",
        "Run `keyturn migrate DIR --phase 1`: it gives Storage a key of its own and leaves the "
        "rest as it is; URLs issued from then on stay valid. Let the old ones expire before "
        "phase 3.",
        setting.place if setting is not None else storage.place,
    )


def _health_probe(inventory: Inventory) -> Iterator[Blocker]:
    """A token in the healthcheck's own text: nobody could put another one in its place."""
    service = inventory.of_kind(Kind.REALTIME)
    check = service.healthcheck if service is not None else None
    if service is None or check is None or reference(check, service.settings) is not None:
        return
    if spans(text(check) or "", service.settings):
        yield Blocker(
            f"The healthcheck of {service.name} holds a token itself; with Realtime's new secret "
            "the container would be unhealthy.",
            "Write ${ANON_KEY} in its place; this phase then gives it a token of its own.",
            check.place,
        )


def _functions(inventory: Inventory) -> Iterator[Blocker]:
    service = inventory.of_kind(Kind.FUNCTIONS)
    if service is None or (text(service.get("VERIFY_JWT")) or "").strip().lower() != "true":
        return
    for one in service.documents:
        script = script_of(one.text) if one.text and "main/index" in one.target else None
        if script is not None and script < Script.V3:
            yield Blocker(
                f"{one.path} does not take sb_ keys, so a client without a user could call no "
                "function any more.",
                "Take main/index.ts of the current release, or set FUNCTIONS_VERIFY_JWT=false.",
                one.place,
            )


def _others(inventory: Inventory) -> Iterator[Blocker]:
    """Services that Keyturn does not know and that were given the shared secret."""
    auth = inventory.of_kind(Kind.AUTH)
    secret = fingerprint(auth.value("GOTRUE_JWT_SECRET")) if auth is not None else None
    for service in inventory.unknown:
        for setting in service.settings.values():
            if secret is not None and setting.fingerprint == secret:
                yield Blocker(
                    f"{service.name} is given the shared secret as {setting.name}; it would refuse "
                    "every token.",
                    "Let it verify with the JWKS (`from keyturn import Verifier`), and take the "
                    "secret away from it.",
                    setting.place,
                )
