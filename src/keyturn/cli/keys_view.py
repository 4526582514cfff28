"""How the ring and its changes look: as JSON for programs, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from keyturn.cli.output import paint, table
from keyturn.keyring.states import KeyState

if TYPE_CHECKING:
    from keyturn.flows.keys import Done
    from keyturn.keyring.policy import RingPolicy
    from keyturn.keyring.summary import AuditEntry, KeySummary, RingSummary

_COLOUR = {
    KeyState.STANDBY: "cyan",
    KeyState.IN_USE: "green",
    KeyState.PREVIOUSLY_USED: "yellow",
    KeyState.REVOKED: "red",
}
_ORDER = tuple(_COLOUR)


def payload_of_ring(
    ring: RingSummary, policy: RingPolicy, log: Sequence[AuditEntry] = ()
) -> dict[str, object]:
    """Return the JSON of ``keys list``; times are RFC 3339 in UTC."""
    payload: dict[str, object] = {
        "version": ring.version,
        "keys": [_payload_of_key(key, policy) for key in _sorted(ring)],
        "policy": {
            "publish_before_sign": policy.publish_before_sign,
            "max_token_life": max(policy.max_token_life, ring.token_life),
            "leeway": policy.leeway,
        },
    }
    if log:
        payload["log"] = [
            {name: getattr(entry, name) for name in type(entry).__dataclass_fields__}
            for entry in log
        ]
    return payload


def _payload_of_key(key: KeySummary, policy: RingPolicy) -> dict[str, object]:
    return {
        "kid": key.kid,
        "alg": key.alg,
        "state": key.state.value,
        "legacy": key.legacy,
        "created_at": key.created_at,
        "published_at": key.published_at,
        "promoted_at": key.promoted_at,
        "retired_at": key.retired_at,
        "revoked_at": key.revoked_at,
        "tokens_until": key.tokens_until,
        "may_sign_from": policy.may_sign_from(key) if key.state is KeyState.STANDBY else None,
    }


def describe_ring(
    ring: RingSummary, policy: RingPolicy, log: Sequence[AuditEntry], now: datetime
) -> str:
    """Return the table of ``keys list`` and, with ``log``, the newest changes."""
    if not ring.keys:
        return "the ring is empty; `keyturn up`, `serve` or `keys generate` makes the first keys"
    rows = [
        (key.state.value, key.kid, _kind(key), _since(key), _next(key, policy, now))
        for key in _sorted(ring)
    ]
    lines = table(("STATE", "KID", "TYPE", "SINCE", "NEXT"), rows).split("\n")
    for number, key in enumerate(_sorted(ring), start=1):
        name = key.state.value
        lines[number] = paint(name, _COLOUR[key.state]) + lines[number][len(name) :]
    return "\n".join(lines + _log_lines(log))


def _log_lines(log: Sequence[AuditEntry]) -> list[str]:
    if not log:
        return []
    rows = [
        (
            _moment(entry.at),
            entry.actor,
            f"{_shown(entry.verb)} {entry.subject_id}",
            f"{entry.from_state or 'new'} → {entry.to_state or 'gone'}",
            "; ".join(
                filter(None, (entry.reason, entry.overridden and f"forced: {entry.overridden}"))
            ),
        )
        for entry in log
    ]
    return ["", table(("WHEN", "WHO", "WHAT", "STATE", "WHY"), rows)]


def payload_of_change(done: Done) -> dict[str, object]:
    """Return the JSON of a command that changes the ring."""
    return {
        "applied": done.applied,
        "version": done.after.version,
        "in_use": done.after.in_use.kid,
        "changes": [
            {
                "verb": step.verb.value,
                "kid": step.kid,
                "alg": step.alg,
                "from": step.source.value if step.source else None,
                "to": step.target.value if step.target else None,
                "forced": step.overridden,
                "tokens_until": step.key.tokens_until if step.key else None,
            }
            for step in done.change.steps
        ],
    }


def describe_change(done: Done) -> str:
    """Return one line per key that changed, and what follows from it."""
    lines = [
        f"{_shown(step.verb.value):<8}  {step.kid}  {step.alg:<5}  "
        f"{step.source.value if step.source else 'new'} → "
        f"{step.target.value if step.target else 'gone'}"
        for step in done.change.steps
    ]
    lines += [f"forced: {step.overridden}" for step in done.change.steps if step.overridden]
    if not done.applied:
        made = any(step.source is None for step in done.change.steps)
        example = " (a new key's name is an example)" if made else ""
        return "\n".join((*lines, f"dry run: nothing was changed{example}"))
    lines += [
        f"key {step.kid} verifies its tokens until {_moment(step.key.tokens_until)}"
        for step in done.change.steps
        if step.key and step.key.tokens_until and step.target is KeyState.PREVIOUSLY_USED
    ]
    return "\n".join((*lines, f"in use: {done.after.in_use.kid}"))


def _shown(verb: str) -> str:
    """The verb that was typed: whether an imported key may sign is told by the state after it."""
    return verb.removesuffix("_verifying")


def _sorted(ring: RingSummary) -> list[KeySummary]:
    return sorted(ring.keys, key=lambda key: (_ORDER.index(key.state), key.created_at, key.kid))


def _kind(key: KeySummary) -> str:
    return f"{key.alg} legacy" if key.legacy else key.alg


def _since(key: KeySummary) -> str:
    moments = {
        KeyState.STANDBY: key.published_at,
        KeyState.IN_USE: key.promoted_at,
        KeyState.PREVIOUSLY_USED: key.retired_at,
        KeyState.REVOKED: key.revoked_at,
    }
    return _moment(moments[key.state])


def _next(key: KeySummary, policy: RingPolicy, now: datetime) -> str:
    if key.state is KeyState.STANDBY:
        return _from("may sign", policy.may_sign_from(key), now)
    if key.state is KeyState.PREVIOUSLY_USED and key.tokens_until is not None:
        return _from("may be revoked", key.tokens_until, now)
    if key.state is KeyState.REVOKED:
        return "may be deleted"
    return "signs"


def _from(what: str, moment: datetime, now: datetime) -> str:
    return f"{what} now" if moment <= now else f"{what} from {_moment(moment)}"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "—"
