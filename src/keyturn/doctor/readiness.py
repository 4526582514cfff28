"""In which phase of the migration to ES256 a deployment is, and what stands before the next.

0 legacy: HS256 only · 1 dual: every verifier knows the public keys, Auth still signs HS256 ·
2 switched: Auth signs ES256, legacy keys are still accepted · 3 done: nothing accepts them.
Between two phases the services disagree; ``split`` says who is on which side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind, Layout, Service
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.doctor.credentials import Shape, read_keys
from keyturn.doctor.dependants import Item, dependants, legacy_secrets
from keyturn.doctor.finding import Facts
from keyturn.doctor.holdings import (
    AUTH_KEYS,
    KEY_SETS,
    accepted_legacy,
    auth_keys,
    gateway_documents,
    is_true,
    key_set,
    listed,
    main_script,
    place_of,
    secret_of,
    serves_jwks,
    signing_key,
)
from keyturn.profiles.capabilities import too_old

TITLES: Final[Mapping[str, str]] = {
    "0": "0, legacy: every service verifies HS256 only",
    "1": "1, dual: verifiers know ES256, Auth signs HS256",
    "2": "2, switched: Auth signs ES256, legacy keys are still accepted",
    "3": "3, done: nothing accepts the legacy secret",
}
BETWEEN: Final = "between"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Where the migration is."""

    phase: str
    """``0`` to ``3``, or ``between``."""
    title: str
    """The phase in words."""
    next: str | None
    """The phase to reach next; None when it is done."""
    split: tuple[str, ...] = ()
    """Who is on which side, where services disagree."""
    blockers: tuple[Item, ...] = ()
    """What must happen before ``next``."""
    dependants: tuple[Item, ...] = ()
    """Everything that still depends on JWT_SECRET or a legacy key, blocking or not."""
    remarks: tuple[Item, ...] = ()
    """What is worth knowing before ``next`` and stops nothing."""

    def as_dict(self) -> dict[str, object]:
        """Return the view for JSON."""
        return {
            "phase": self.phase,
            "title": self.title,
            "next": self.next,
            "split": list(self.split),
            "blockers": [one.as_dict() for one in self.blockers],
            "dependants": [one.as_dict() for one in self.dependants],
            "remarks": [one.as_dict() for one in self.remarks],
        }


@dataclass(frozen=True, slots=True)
class _Sides:
    """Which verifiers know the public keys, and which accept the legacy secret."""

    knowing: tuple[str, ...]
    ignorant: tuple[str, ...]
    accepting: tuple[str, ...]
    refusing: tuple[str, ...]
    signs_es256: bool


def readiness(facts: Facts) -> Readiness:
    """Return the phase and what stands in the way, from the files and whatever else is known."""
    sides = _sides(facts.inventory)
    phase, following, split = _phase(sides)
    depending = dependants(facts)
    title = TITLES.get(phase) or f"between {int(following or 3) - 1} and {following}"
    return Readiness(
        phase,
        title,
        following,
        split,
        tuple(_blockers(facts, following, depending)),
        depending,
        tuple(_remarks(facts.inventory, following)),
    )


def _sides(inventory: Inventory) -> _Sides:
    present = [(kind, s) for kind in VERIFIERS if (s := inventory.of_kind(kind)) is not None]
    others = [(kind, service) for kind, service in present if _verifies(inventory, kind)]
    knows = {service.name: _knows_keys(inventory, kind) for kind, service in others}
    takes = {service.name: _accepts_legacy(inventory, kind) for kind, service in present}
    if inventory.gateway is not None:
        takes[inventory.gateway.name] = bool(accepted_legacy(inventory))
    return _Sides(
        tuple(name for name, yes in knows.items() if yes),
        tuple(name for name, yes in knows.items() if not yes),
        tuple(name for name, yes in takes.items() if yes),
        tuple(name for name, yes in takes.items() if not yes),
        signing_key(inventory) is not None,
    )


def _phase(sides: _Sides) -> tuple[str, str | None, tuple[str, ...]]:
    if not sides.signs_es256:
        if not sides.knowing:
            return "0", "1", ()
        if not sides.ignorant:
            return "1", "2", ()
        return (
            BETWEEN,
            "1",
            (
                f"{listed(sides.knowing)} know the public keys.",
                f"{listed(sides.ignorant)} verify HS256 only.",
            ),
        )
    if sides.ignorant:
        return (
            BETWEEN,
            "2",
            (
                "Auth signs ES256.",
                f"{listed(sides.ignorant)} cannot verify that.",
            ),
        )
    if sides.accepting and sides.refusing:
        return (
            BETWEEN,
            "3",
            (
                f"{listed(sides.accepting)} still accept the legacy secret.",
                f"{listed(sides.refusing)} refuse it.",
            ),
        )
    return ("2", "3", ()) if sides.accepting else ("3", None, ())


def _verifies(inventory: Inventory, kind: Kind) -> bool:
    """Whether the service refuses tokens of others: Functions only with VERIFY_JWT."""
    if kind is Kind.FUNCTIONS:
        return is_true(inventory.of_kind(kind), "VERIFY_JWT")
    return kind is not Kind.AUTH


def _knows_keys(inventory: Inventory, kind: Kind) -> bool:
    if kind is Kind.FUNCTIONS:
        return _functions_know(inventory)
    held = key_set(inventory, kind)
    return (
        held is not None
        and held.document.shape in (Shape.SET, Shape.KEY)
        and bool(held.document.asymmetric)
    )


def _functions_know(inventory: Inventory) -> bool:
    script = main_script(inventory)
    source = script.text or "" if script is not None else ""
    if "createRemoteJWKSet" in source:
        return True
    held = key_set(inventory, Kind.FUNCTIONS)
    old = bool(source) and "SUPABASE_JWKS" not in source
    return not old and held is not None and bool(held.document.asymmetric)


def _accepts_legacy(inventory: Inventory, kind: Kind) -> bool:
    legacy = legacy_secrets(inventory)
    if kind is Kind.AUTH:
        held = auth_keys(inventory)
        if held is not None and held.document.asymmetric:
            return bool(held.document.symmetric)
    if kind is Kind.REST:
        held = key_set(inventory, kind)
        if held is not None:
            return bool(held.document.symmetric)
    return secret_of(inventory, kind) in legacy


def _blockers(facts: Facts, following: str | None, depending: tuple[Item, ...]) -> Iterator[Item]:
    if following == "1":
        yield from _before_dual(facts.inventory)
    elif following == "2":
        yield from _before_dual(facts.inventory)
        yield from _before_switch(facts.inventory)
        yield from (one for one in depending if one.row == _OTHER_VERIFIERS and one.place)
    elif following == "3":
        yield from (one for one in depending if one.blocks)


_OTHER_VERIFIERS: Final = 17


def _too_old(inventory: Inventory) -> Iterator[Item]:
    old = too_old(inventory)
    if old:
        yield Item(
            f"Too old for asymmetric keys: {listed(one.versions for one in old)}",
            "It cannot read a JWKS, whatever it is given.",
            "the images and files of a current release",
            place=old[0].service.place,
            service=old[0].service.name,
        )


def _before_dual(inventory: Inventory) -> Iterator[Item]:
    yield from _too_old(inventory)
    jwks = inventory.variable("JWT_JWKS")
    if not read_keys(text(jwks)).asymmetric:
        yield Item(
            "There is no key pair yet: JWT_JWKS has no public key",
            "Verifiers must know a key before anything is signed with it.",
            "an ES256 key pair, its public half and the oct key in JWT_JWKS",
            place=jwks.place if jwks is not None else None,
        )
    for kind in KEY_SETS:
        service = inventory.of_kind(kind)
        if service is None or not _verifies(inventory, kind):
            continue
        if not _knows_keys(inventory, kind) and not _waits(inventory, kind, service):
            yield _ignorant(inventory, kind, service)


def _waits(inventory: Inventory, kind: Kind, service: Service) -> bool:
    """Whether the service is wired already, and only JWT_JWKS is still empty."""
    setting = service.get(KEY_SETS[kind])
    wired = setting is not None and any(one.name == "JWT_JWKS" for one in setting.variables)
    filled = read_keys(text(inventory.variable("JWT_JWKS"))).asymmetric
    script = main_script(inventory) if kind is Kind.FUNCTIONS else None
    return wired and not filled and (script is None or "SUPABASE_JWKS" in (script.text or ""))


_UNREADABLE: Final = (Shape.MALFORMED, Shape.ARRAY, Shape.OBJECT)


def _ignorant(inventory: Inventory, kind: Kind, service: Service) -> Item:
    name = KEY_SETS[kind]
    script = main_script(inventory) if kind is Kind.FUNCTIONS else None
    if script is not None and "SUPABASE_JWKS" not in (script.text or ""):
        return Item(
            f"{script.path} verifies HS256 only",
            "Edge Functions would answer 401 to every ES256 token.",
            "the main script of the current release, and SUPABASE_JWKS: ${JWT_JWKS}",
            place=script.place,
            service=service.name,
        )
    setting = service.get(name)
    if setting is not None and read_keys(text(setting)).shape in _UNREADABLE:
        return Item(
            f"{service.name} cannot read its {name}",
            "It would refuse every ES256 token, or does not start.",
            'one line of JSON, {"keys":[…]}; the findings name the fault',
            place=place_of(setting),
            service=service.name,
        )
    return Item(
        f"{service.name} has no key pair in {name}",
        "It would refuse every ES256 token.",
        _give(inventory, name),
        place=_place(service, name),
        service=service.name,
    )


def _give(inventory: Inventory, name: str) -> str:
    if inventory.layout is Layout.KUBERNETES:
        return f"{name} from a Secret with the JWKS; `keyturn render k8s` writes both"
    return f"{name}: ${{JWT_JWKS}}"


def _place(service: Service, name: str) -> Place:
    off, setting = service.commented.get(name), service.get(name)
    return off.place if off else setting.place if setting is not None else service.place


def _before_switch(inventory: Inventory) -> Iterator[Item]:
    auth, held = inventory.of_kind(Kind.AUTH), auth_keys(inventory)
    if auth is not None and signing_key(inventory) is None:
        unset = held is None or not held.document.asymmetric
        what = "is not given" if held is None else "has no key pair" if unset else "signs HS256"
        yield Item(
            f"Auth still signs HS256: {AUTH_KEYS} of {auth.name} {what}",
            'Auth signs with the key whose key_ops holds "sign".',
            f"{AUTH_KEYS}: ${{JWT_KEYS:-[]}} with the key pair as the one that signs",
            place=place_of(held.setting) if held is not None else _place(auth, AUTH_KEYS),
            service=auth.name,
        )


def _remarks(inventory: Inventory, following: str | None) -> Iterator[Item]:
    """Yield that the JWKS needs an API key: supabase-js sends one, other verifiers do not."""
    routes = "\n".join(one.text or "" for one in gateway_documents(inventory))
    if following != "2" or not routes or serves_jwks(routes) or inventory.gateway is None:
        return
    yield Item(
        "The gateway has no open route to the JWKS",
        "supabase-js sends its API key and gets it; a backend that sends none gets 401.",
        "the gateway files of the current release, before such a backend verifies ES256",
        blocks=False,
        place=inventory.gateway.documents[0].place,
        service=inventory.gateway.name,
    )
