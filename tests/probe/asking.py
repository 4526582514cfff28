"""A deployment that runs on loopback, the canaries made of its keys, and how to ask it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tests.probe.deployment import Deployment
from tests.support.inventories import inventory

from keyturn.adapters import system
from keyturn.adapters.probe import probe
from keyturn.apikeys import legacy, opaque
from keyturn.deploy.inventory import Kind
from keyturn.doctor.canaries import Canaries, canaries
from keyturn.doctor.facts import ProbeFacts
from keyturn.flows.ports.doctor import Limits
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, private_jwk, signing_key_from_secret
from keyturn.profiles.request import CredentialKind as C
from keyturn.secret import Secret
from keyturn.secret_access import reveal

TAKEN = frozenset({C.ANON_LEGACY, C.PUBLISHABLE, C.USER_ES256, C.USER_HS256})
SENT = TAKEN | {C.FORGED, C.EXPIRED, C.UNKNOWN_KID}


class Stack:
    """A deployment and the canaries made of the same keys."""

    def __init__(self) -> None:
        secret, key, now = Secret(os.urandom(20).hex()), generate("ES256", kid="one"), system.now()
        shared = signing_key_from_secret(secret, kid=None)
        texts = {
            "ANON_KEY": legacy.mint("anon", shared, now).secret,
            "SERVICE_ROLE_KEY": legacy.mint("service_role", shared, now).secret,
            "SUPABASE_PUBLISHABLE_KEY": opaque.mint("publishable", os.urandom(17)).secret,
            "SUPABASE_SECRET_KEY": opaque.mint("secret", os.urandom(17)).secret,
        }
        self.variables = {name: reveal(value).decode() for name, value in texts.items()}
        self.deployment = Deployment(
            key,
            secret,
            anon=self.variables["ANON_KEY"],
            service=self.variables["SERVICE_ROLE_KEY"],
            publishable=self.variables["SUPABASE_PUBLISHABLE_KEY"],
            secret_key=self.variables["SUPABASE_SECRET_KEY"],
            api_token=encode({"role": "anon", "exp": int(now.timestamp()) + 600}, key),
        )
        self.variables |= {
            "JWT_SECRET": reveal(secret).decode(),
            "JWT_KEYS": f"[{reveal(private_jwk(key)).decode()}]",
        }

    def canaries(self, *, everything: bool = False) -> Canaries:
        held = inventory(variables=self.variables)
        return canaries(held, system.now(), system.entropy, everything)


async def ask(port: int, stack: Stack, limits: Limits | None = None) -> ProbeFacts:
    facts = await probe(f"http://127.0.0.1:{port}", stack.canaries(), limits)
    assert isinstance(facts, ProbeFacts)
    return facts


def taken(facts: ProbeFacts, service: Kind) -> Mapping[C, bool | None]:
    return {
        one.credential: one.accepted
        for one in facts.answers
        if one.service is service and not one.websocket and not one.direct
    }
