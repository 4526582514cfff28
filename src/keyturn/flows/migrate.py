"""Taking a deployment from HS256 to ES256: which phase comes next, and whether it may come now.

Gates are evidence: what the journal saw published and when, what the access log counted, what the
database still holds. Where there is no evidence the plan waits itself, or the user says so with a
reason that stays in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from keyturn.clock import from_unix, unix
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.doctor.dependants import Item
from keyturn.doctor.facts import DatabaseFacts, LogFacts, Unknown
from keyturn.doctor.finding import Facts
from keyturn.doctor.readiness import readiness
from keyturn.errors import Detail, UsageError, WaitNotOver
from keyturn.flows.change import (
    Deployment,
    Proposal,
    carried_out_at,
    propose,
    published_at,
    signing_since,
    states,
)
from keyturn.jose.keys import SigningKey
from keyturn.migrate import phase_one, phase_three, phase_two
from keyturn.migrate.blockers import lasting
from keyturn.migrate.capabilities import url_signing_key
from keyturn.migrate.commands import length
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.encrypted import stop_encrypted
from keyturn.migrate.fresh import fresh
from keyturn.migrate.plan import Say, Step, Wait
from keyturn.migrate.proof import accept
from keyturn.migrate.refusals import CannotMigrate
from keyturn.migrate.run import Run
from keyturn.migrate.waits import publish_wait, retire_wait
from keyturn.profiles.request import CredentialKind as Kinds

TITLES: Final = {
    1: "Phase 1: every service verifies HS256 and ES256",
    2: "Phase 2: Auth signs ES256",
    3: "Phase 3: the legacy secret and keys end",
}
_LEGACY_IN_LOGS: Final = ("anon legacy", "service legacy", "user HS256")
_OUTSIDE: Final = frozenset({2, 11, 16, 17})
"""Rows of services.md §10 about callers outside the files: no edit of Keyturn's can end them."""


class StillUsed(CannotMigrate):
    """Something still uses a legacy credential, or nobody looked."""

    code = "legacy_in_use"


class NothingLeft(UsageError):
    """The migration is done."""

    code = "nothing_left"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    phase: int | None = None
    """None: the next one."""
    key: SigningKey | None = None
    """One that the user brings; None: a fresh one."""
    alg: str = "ES256"
    extra_caches: int = 0
    """Seconds for which the user's own CDN or proxies cache the JWKS."""
    i_know: str | None = None
    """Why phase 3 is safe although nobody looked, or something was seen; it is written down."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was looked at."""

    runs: Sequence[Run]
    logs: LogFacts | Unknown
    database: DatabaseFacts | Unknown


def plan_migration(deployment: Deployment, wish: Wish, evidence: Evidence) -> Proposal:
    """Return the plan of the next phase.

    Raises :class:`CannotMigrate` (exit 5) while it is unsafe or impossible, ``WaitNotOver``
    (exit 75) when it is safe later, and :class:`NothingLeft` when all phases are done.
    """
    facts = _facts(deployment, evidence)
    stop_encrypted(facts.inventory)
    phase = wish.phase or _next(facts)
    if wish.phase is None and phase == 2 and read_keys(facts.inventory).in_use is not None:
        # Auth signs with it already, so what is missing is that somebody does not know it.
        phase = 1
    return _PHASES[phase](deployment, wish, evidence)


def _facts(deployment: Deployment, evidence: Evidence) -> Facts:
    nobody = Unknown("the running services were not asked")
    return Facts(deployment.inventory, deployment.now, evidence.database, nobody, evidence.logs)


def _next(facts: Facts) -> int:
    found = readiness(facts)
    if found.next is None:
        raise NothingLeft(
            "The migration is done: nothing accepts the legacy secret.",
            hint="`keyturn rotate DIR` turns the key from now on.",
        )
    return int(found.next)


def _first(deployment: Deployment, wish: Wish, evidence: Evidence) -> Proposal:
    del evidence
    made = fresh(deployment.randomness, deployment.now, alg=wish.alg, key=wish.key)
    keys = read_keys(deployment.inventory)
    known = keys.verifying
    if wish.key is not None and len(known) >= _KEPT_READY:
        raise CannotMigrate(
            f"The deployment has a key and a standby already ({', '.join(keys.kids)}), so the key "
            "that you bring would not be used.",
            hint="Leave it out; `keyturn rotate DIR` turns the key from now on.",
        )
    steps = phase_one.steps(deployment.inventory, made)
    title = _title(1, known[0].alg if known else made.key.alg)
    proposal = propose(deployment, steps, title=title, verb="phase 1")
    return replace(proposal, warnings=(*_later(deployment, steps, proposal), *proposal.warnings))


def _title(phase: int, alg: str) -> str:
    return TITLES[phase].replace("ES256", alg)


def _later(deployment: Deployment, steps: Sequence[Step], proposal: Proposal) -> Iterator[str]:
    """Yield what phase 3 will be refused for, so that nobody learns it only then."""
    after = [found for _, found in states(deployment, steps, proposal.prepared)][-1]
    for one in lasting(after):
        place = f"{one.place}: " if one.place else ""
        yield f"Phase 3 will not be possible as it is. {place}{one.sentence} {one.remedy}"


def _second(deployment: Deployment, wish: Wish, evidence: Evidence) -> Proposal:
    found = deployment.inventory
    steps = phase_two.steps(found)
    standby = read_keys(found).standby[0]
    kid, title = standby.kid or "", _title(2, standby.alg)
    waiting = publish_wait(wish.extra_caches)
    since = published_at(evidence.runs, kid)
    if since is not None:
        _not_before(
            since + waiting.seconds, deployment, f"{kid} was published at", since, waiting.why
        )
        return propose(deployment, steps, title=title, verb="phase 2")
    told = (
        f"No run in the journal published {kid}, so nobody knows since when it is known: the plan "
        f"waits {length(waiting.seconds)} ({waiting.why}) before Auth signs with it."
    )
    wait = (accept(Kinds.USER_ES256), Wait(waiting.seconds, waiting.why))
    waits_first = Step("The new key has been published long enough", told, after=wait)
    return propose(deployment, (waits_first, *steps), title=title, verb="phase 2", warnings=(told,))


def _third(deployment: Deployment, wish: Wish, evidence: Evidence) -> Proposal:
    found = deployment.inventory
    made = fresh(deployment.randomness, deployment.now)
    steps = phase_three.steps(found, made)
    keys = read_keys(found)
    waiting = retire_wait(found)
    since = signing_since(evidence.runs, keys.in_use.alg) if keys.in_use else None
    if since is not None:
        _not_before(
            since + waiting.seconds, deployment, "Auth has signed with it since", since, waiting.why
        )
    elif (unseen := carried_out_at(evidence.runs, "phase 2")) is not None:
        # Nobody saw Auth sign with it, but before this it certainly did not.
        told = "phase 2 was carried out, unproven, at"
        _not_before(unseen + waiting.seconds, deployment, told, unseen, waiting.why)
    reasons = tuple(_in_use(evidence)) + (() if since is not None else (_NO_SWITCH,))
    if reasons and wish.i_know is None:
        raise StillUsed(" ".join(reasons), hint=_HOW_TO_LOOK).listing(
            [Detail(one) for one in reasons]
        )
    if wish.i_know is not None:
        note = Say(f"Phase 3 was begun with the reason: {wish.i_know}")
        steps = (replace(steps[0], before=(note, *steps[0].before)), *steps[1:])
    proposal = propose(
        deployment,
        steps,
        title=TITLES[3],
        verb="phase 3",
        warnings=(*reasons, *_signed_urls(found)),
    )
    _complete(deployment, steps, proposal, evidence)
    return proposal


_KEPT_READY: Final = 2
"""One key that signs, or will, and one behind it."""
_NO_SWITCH: Final = (
    "No run in the journal switched Auth to the new key, so nobody knows when the last HS256 "
    "session ends."
)
_HOW_TO_LOOK: Final = (
    "Give the gateway's log (--access-log) and the database (--database-url-file), or say why it "
    "is safe: --i-know REASON, which is written down."
)


def _signed_urls(found: Inventory) -> Iterator[str]:
    if found.of_kind(Kind.STORAGE) is None:
        return
    if url_signing_key(found) is None:
        yield "Every signed URL ends with the secret: this Storage can have no key of its own."
    else:
        yield (
            "Signed URLs from before phase 1 end with the secret; those issued since then stay "
            "valid."
        )


def _in_use(evidence: Evidence) -> Iterator[str]:
    """Yield what still uses legacy credentials, or that nobody looked."""
    if isinstance(evidence.logs, Unknown):
        yield "No access log was given, so nobody knows who still uses the legacy keys."
    else:
        seen = {kind: evidence.logs.credentials.get(kind, 0) for kind in _LEGACY_IN_LOGS}
        for kind, count in seen.items():
            if count:
                yield f"The access log has {count} requests with a credential of kind {kind}."
    if isinstance(evidence.database, Unknown):
        yield "The database was not looked at: webhooks, jobs and vault may hold legacy keys."
    else:
        for one in evidence.database.dependants:
            yield f"{one.kind} {one.name} carries a {one.credential}."


def _complete(
    deployment: Deployment, steps: Sequence[Step], proposal: Proposal, evidence: Evidence
) -> None:
    """Refuse a plan after which the files would still depend on the secret."""
    after = [found for _, found in states(deployment, steps, proposal.prepared)][-1]
    facts = replace(_facts(deployment, evidence), inventory=after)
    left = tuple(one for one in readiness(facts).blockers if one.row not in _OUTSIDE)
    if left:
        first = left[0]
        raise CannotMigrate(
            " ".join(_sentence(one) for one in left), place=first.place, hint=first.instead
        ).listing(
            [
                Detail(_sentence(one), str(one.place) if one.place else None, one.instead)
                for one in left
            ]
        )


def _sentence(item: Item) -> str:
    return f"{item.what}. {item.why}"


def _not_before(moment: int, deployment: Deployment, what: str, since: int, why: str) -> None:
    if unix(deployment.now) < moment:
        raise WaitNotOver(
            f"It is too early: {what} {from_unix(since):%Y-%m-%d %H:%M:%S} UTC, and it is safe "
            f"from {from_unix(moment):%Y-%m-%d %H:%M:%S} UTC on ({why}).",
            until_unix=moment,
        )


_PHASES: Final = {1: _first, 2: _second, 3: _third}
