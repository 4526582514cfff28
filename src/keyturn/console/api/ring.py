"""``/ring``: the picture of the keys, with what each waits for, and whether rotating is safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from keyturn.accounts.timestamps import optional_rfc3339
from keyturn.console.api.call import Call
from keyturn.console.lanes import Card, lanes_of, refusal_of
from keyturn.console.problems import as_json
from keyturn.flows import keys
from keyturn.jose.keys import public_pem
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import RingKey
from keyturn.keyring.states import KeyState


async def picture(call: Call) -> object:
    """The ring: its waits, every key with its times and next step, and the next rotation."""
    services = call.services
    ring, policy = await services.bench.store.load(), services.bench.policy
    live = await services.counts.live_tokens(ring, call.now)
    refusal = await refusal_of(lambda: keys.rotate(services.rehearsing, call.intent()))
    cards = [card for lane in lanes_of(ring, policy, call.now).values() for card in lane.cards]
    return {
        "version": ring.version,
        "waits": asdict(policy),
        "keys": [_key(card, policy, live) for card in cards],
        "rotation": {
            "possible": refusal is None,
            "refused": None if refusal is None else as_json(refusal.error),
            "from": ring.in_use.kid,
            "to": ring.standby[0].kid if ring.standby else None,
        },
    }


def _key(card: Card, policy: RingPolicy, live: Mapping[str, int] | None) -> dict[str, object]:
    key = card.key
    ready = policy.may_sign_from(key) if key.state is KeyState.STANDBY else None
    return {
        "id": key.kid,
        "algorithm": key.alg,
        "status": key.state.value,
        "legacy": key.legacy,
        "public_pem": _pem(key),
        "created_at": optional_rfc3339(key.created_at),
        "published_at": optional_rfc3339(key.published_at),
        "may_sign_from": optional_rfc3339(ready),
        "promoted_at": optional_rfc3339(key.promoted_at),
        "retired_at": optional_rfc3339(key.retired_at),
        "tokens_until": optional_rfc3339(key.tokens_until),
        "revoked_at": optional_rfc3339(key.revoked_at),
        "live_tokens": None if live is None else live.get(key.kid, 0),
        "note": card.note,
        "ready": card.ready,
    }


def _pem(key: RingKey) -> str | None:
    return None if key.symmetric or key.key is None else public_pem(key.key)
