"""A gatekeeper with the very text of a deployment's ``PGRST_JWT_SECRET``, whatever it holds.

:class:`~keyturn.standins.rest.gatekeeper.Gatekeeper` verifies with a key ring's strict keys. Here
the profile of the deployment's PostgREST decides, with all its leniency and all its messages.
"""

from __future__ import annotations

import msgspec

from keyturn.clock import Clock
from keyturn.deploy.inventory import Kind
from keyturn.profiles import rest
from keyturn.profiles.postgrest import Admitted, Answer, TokenRefused, bearer
from keyturn.profiles.request import Request
from keyturn.profiles.token import read
from keyturn.profiles.verdict import Outcome
from keyturn.standins.reasons import because
from keyturn.standins.rest.gatekeeper import Caller


class ProfileGatekeeper:
    """Admits callers as the deployment's PostgREST would."""

    def __init__(self, config: rest.Config, clock: Clock) -> None:
        self._config, self._clock = config, clock

    def admit(self, authorization: str | None) -> Caller:
        """Return who asks; raises :class:`keyturn.profiles.postgrest.TokenRefused`."""
        verdict = rest.judge(self._config, Request(Kind.REST, authorization), self._clock())
        if verdict.outcome is Outcome.REFUSED:
            reason = tuple(because(verdict.why).items())
            answer = Answer(
                verdict.status or 401, verdict.code or "", verdict.message or "", headers=reason
            )
            raise TokenRefused(answer)
        anonymous = self._config.settings.anonymous_role or "anon"
        role = verdict.role or anonymous
        seen = read(bearer(authorization) or "")
        claims = {**((seen.claims or {}) if seen else {}), "role": role}
        admitted = Admitted(role, claims, authenticated=role != anonymous)
        return Caller(admitted, msgspec.json.encode(claims).decode())
