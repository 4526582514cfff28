"""The questions that prove a step, and the same questions asked of the files beforehand.

A plan's probes carry these names; a prober puts them to the running services. :func:`refuted` puts
them to the files that the plan would leave behind, so that a plan that must fail is never begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.migrate.plan import Check
from keyturn.profiles.deployment import follow, start_failures
from keyturn.profiles.functions import Script, script_of
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome, Verdict

ACCEPT: Final = "accept"
"""Every service takes these credentials; ``kinds`` names them, separated by commas."""
REFUSE: Final = "refuse"
"""No service takes these."""
PUBLISH: Final = "publish"
"""The JWKS endpoint publishes exactly these ``kids``."""
SIGN: Final = "sign"
"""A real sign-in and a refresh give tokens with this ``alg`` and ``kid``."""


def accept(
    *kinds: CredentialKind,
    at: tuple[Kind, ...] = VERIFIERS,
    old_too: bool = True,
    newest_too: bool = False,
    signed_by: str = "",
    why: str = "",
) -> Check:
    """Return the question whether every service of ``at`` takes ``kinds``.

    ``old_too``: also those that the keys from before the run make; not after a revocation.
    ``newest_too``: also those of the newest standby, so that nobody missed it. Auth learns a key
    last, so this is asked when Auth has it. ``signed_by``: also those of the key with this kid,
    before Auth signs with it.
    """
    about = {
        **_about(kinds, at),
        **({} if old_too else {"old": "no"}),
        **({"newest": "yes"} if newest_too else {}),
        **({"by": signed_by} if signed_by else {}),
    }
    return Check(ACCEPT, about, why)


def refuse(*kinds: CredentialKind, at: tuple[Kind, ...] = VERIFIERS, why: str = "") -> Check:
    """Return the question whether every service of ``at`` refuses ``kinds``."""
    return Check(REFUSE, _about(kinds, at), why)


def refuse_former(*kinds: CredentialKind, why: str = "") -> Check:
    """Return the question whether every service refuses what the keys from before the run make."""
    return Check(REFUSE, {**_about(kinds, VERIFIERS), "old": "only"}, why)


def _about(kinds: tuple[CredentialKind, ...], at: tuple[Kind, ...]) -> Mapping[str, str]:
    about = {"kinds": ",".join(kinds)}
    return about if at == VERIFIERS else about | {"services": ",".join(at)}


def publish(*kids: str) -> Check:
    """Return the question what the JWKS endpoint publishes."""
    return Check(PUBLISH, {"kids": ",".join(kids)}, "Third parties and clients verify with it.")


def sign(alg: str, kid: str) -> Check:
    """Return the question with what Auth signs."""
    return Check(SIGN, {"alg": alg, "kid": kid}, "A real user signs in and refreshes.")


def kinds_of(arguments: Mapping[str, str]) -> tuple[CredentialKind, ...]:
    """Return the kinds that a check is about."""
    return tuple(CredentialKind(name) for name in arguments.get("kinds", "").split(",") if name)


def old_too(arguments: Mapping[str, str]) -> bool:
    """Whether a check is about credentials from before the run as well."""
    return arguments.get("old") != "no"


def former_only(arguments: Mapping[str, str]) -> bool:
    """Whether a check is about credentials from before the run, and no others."""
    return arguments.get("old") == "only"


def newest_too(arguments: Mapping[str, str]) -> bool:
    """Whether a check is about tokens of the newest standby as well."""
    return arguments.get("newest") == "yes"


def services_of(arguments: Mapping[str, str]) -> tuple[Kind, ...]:
    """Return the services that a check is about: the five verifiers unless it names some."""
    named = arguments.get("services", "")
    return tuple(Kind(name) for name in named.split(",") if name) or VERIFIERS


@dataclass(frozen=True, slots=True)
class Refuted:
    """A question that the files answer wrongly."""

    service: Kind
    question: str
    answer: str
    """A sentence without a secret."""
    remedy: str = ""
    """What mends it, where that is known; empty: doctor may know."""


def refuted(
    inventory: Inventory,
    check: Check,
    credentials: Mapping[CredentialKind, Credential],
    now: datetime,
) -> Iterator[Refuted]:
    """Yield what the files of ``inventory`` would answer wrongly to ``check``.

    Only what the profiles can tell counts: an unknown verdict refutes nothing.
    """
    if check.name not in (ACCEPT, REFUSE):
        return
    for failure_kind, failure in start_failures(inventory).items():
        yield Refuted(failure_kind, "Does it start?", failure.cause)
    for kind in kinds_of(check.arguments):
        credential = credentials.get(kind)
        if credential is None:
            continue
        for service in services_of(check.arguments):
            if inventory.of_kind(service) is None:
                continue
            verdict = follow(inventory, credential, service, now=now)
            if _wrong(verdict, check.name):
                question = f"Does it {check.name} {kind}?"
                yield Refuted(service, question, verdict.why, _remedy(inventory, service))


def _remedy(inventory: Inventory, kind: Kind) -> str:
    """Name the main script from before 2026, which knows HS256 only (services.md §7)."""
    service = inventory.of_kind(kind)
    for one in service.documents if service is not None and kind is Kind.FUNCTIONS else ():
        if "main/index" in one.target and script_of(one.text or "") is Script.V0:
            return (
                f"{one.path} verifies with JWT_SECRET alone. Replace it by "
                "docker/volumes/functions/main/index.ts of Supabase's current release, which takes "
                f"HS256 and ES256, and recreate {service.name if service else kind}; then try "
                "again."
            )
    return ""


def _wrong(verdict: Verdict, question: str) -> bool:
    if question == ACCEPT:
        return verdict.outcome in (Outcome.REFUSED, Outcome.DOWN, Outcome.DOWNGRADED)
    return verdict.outcome is Outcome.ACCEPTED
