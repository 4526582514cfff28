"""Turning the asymmetric key of a deployment, and ending one at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyturn.clock import from_unix, unix
from keyturn.errors import UsageError, WaitNotOver
from keyturn.flows.change import Deployment, Proposal, propose, published_at, stopped_signing
from keyturn.flows.migrate import Evidence
from keyturn.migrate import rotation
from keyturn.migrate.commands import length
from keyturn.migrate.deployment_keys import DeploymentKeys, read_keys
from keyturn.migrate.encrypted import stop_encrypted
from keyturn.migrate.fresh import fresh
from keyturn.migrate.plan import Step, Wait
from keyturn.migrate.proof import accept
from keyturn.migrate.waits import publish_wait, retire_wait
from keyturn.profiles.request import CredentialKind as Kinds

_ELSEWHERE: Final = (
    "Files that `keyturn render` wrote elsewhere (a gateway's kong.yml or rds.yaml, an env tab, a "
    "Kubernetes Secret, a SOPS file) hold the key, or tokens that it signed, until they are "
    "rendered again from the changed deployment (`keyturn render … DIR --current`) and rolled out."
)
_NEW_TITLE: Final = "The standby key has been published long enough"


@dataclass(frozen=True, slots=True)
class TurnWish:
    """What the user asked for."""

    publish: bool = False
    """Only publish another standby."""
    revoke: str | None = None
    """End this key at once."""
    extra_caches: int = 0
    keep: bool = False
    """Keep every former key, also those whose tokens have all expired."""

    @property
    def verb(self) -> str:
        """Return the verb of the plan that this asks for."""
        if self.revoke is not None:
            return f"revoke {self.revoke}"
        return "publish" if self.publish else "rotate"


def plan_rotation(deployment: Deployment, wish: TurnWish, evidence: Evidence) -> Proposal:
    """Return the plan; raises ``CannotMigrate`` (exit 5) or ``WaitNotOver`` (exit 75)."""
    if wish.revoke is not None and wish.publish:
        raise UsageError("--publish and --revoke are different things; give one.")
    stop_encrypted(deployment.inventory)
    if wish.revoke is not None:
        return _revoke(deployment, wish, wish.revoke)
    if wish.publish:
        made = fresh(deployment.randomness, deployment.now, alg=_alg(deployment))
        steps = rotation.publish_standby(deployment.inventory, made)
        return propose(deployment, steps, title="Publish a standby key", verb=wish.verb)
    return _rotate(deployment, wish, evidence)


def _rotate(deployment: Deployment, wish: TurnWish, evidence: Evidence) -> Proposal:
    found = deployment.inventory
    keys = read_keys(found)
    expired, told = _expired(deployment, keys, evidence) if not wish.keep else ((), ())
    made = fresh(deployment.randomness, deployment.now, alg=_alg(deployment))
    steps = rotation.rotate(found, made, expired)
    kid = keys.standby[0].kid or ""
    waiting = publish_wait(wish.extra_caches)
    since = published_at(evidence.runs, kid)
    if since is not None and unix(deployment.now) < since + waiting.seconds:
        moment = since + waiting.seconds
        raise WaitNotOver(
            f"It is too early: {kid} was published at {from_unix(since):%Y-%m-%d %H:%M:%S} UTC, "
            f"and it may sign from {from_unix(moment):%Y-%m-%d %H:%M:%S} UTC on ({waiting.why}).",
            until_unix=moment,
        )
    if since is None:
        note = (
            f"No run in the journal published {kid}, so nobody knows since when it is known: the "
            f"plan waits {length(waiting.seconds)} ({waiting.why}) first."
        )
        first = Step(
            _NEW_TITLE,
            note,
            after=(accept(Kinds.USER_ES256, signed_by=kid), Wait(waiting.seconds, waiting.why)),
        )
        steps, told = (first, *steps), (*told, note)
    return propose(
        deployment, steps, title=f"Turn the key: {kid} signs", verb=wish.verb, warnings=told
    )


def _expired(
    deployment: Deployment, keys: DeploymentKeys, evidence: Evidence
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the former keys that no token needs any more, and a sentence for those that stay."""
    waiting = retire_wait(deployment.inventory)
    gone, stay = list[str](), list[str]()
    for key in keys.previously_used:
        since = stopped_signing(evidence.runs, key.kid or "")
        over = since is not None and unix(deployment.now) >= since + waiting.seconds
        (gone if over else stay).append(key.kid or "")
    told = tuple(
        f"{kid} goes on verifying: its last token may not have expired yet ({waiting.why})."
        for kid in stay
    )
    return tuple(gone), told


def _revoke(deployment: Deployment, wish: TurnWish, kid: str) -> Proposal:
    found = deployment.inventory
    keys = read_keys(found)
    made = fresh(deployment.randomness, deployment.now, alg=_alg(deployment))
    steps = rotation.revoke(found, made, kid)
    refused = (
        f"Every access token that {kid} signed is refused at once: users get 401 until their "
        "client refreshes, which supabase-js does by itself. Refresh tokens stay valid."
    )
    cached = "Whoever caches the JWKS (clients, a CDN) accepts it for up to 20 minutes more."
    told: tuple[str, ...] = (refused, cached, _ELSEWHERE)
    if keys.in_use is not None and keys.in_use.kid == kid:
        told = (*told, "The next standby is new: it may sign 20 minutes after it was published.")
    return propose(
        deployment,
        steps,
        title=f"Revoke the key {kid}",
        verb=wish.verb,
        warnings=told,
    )


def _alg(deployment: Deployment) -> str:
    keys = read_keys(deployment.inventory)
    return keys.in_use.alg if keys.in_use is not None else "ES256"
