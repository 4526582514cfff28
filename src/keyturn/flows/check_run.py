"""What a check of a deployment has learnt so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.clock import Clock
from keyturn.flows.check_target import Deployment, Target
from keyturn.jose.jwks import KeySet


@dataclass(frozen=True)
class Session:
    """A signed-in user."""

    access_token: str = field(repr=False)
    user_id: str
    email: str


@dataclass
class Run:
    """The deployment, and what earlier checks found."""

    target: Target
    deployment: Deployment
    clock: Clock
    session: Session | None = None
    keys: KeySet | None = None
    jwks: dict[str, object] | None = None
    etag: str | None = None

    @property
    def token(self) -> str:
        """The access token; asked only by checks that need a session."""
        if self.session is None:
            raise RuntimeError("a check that needs a session ran without one")
        return self.session.access_token

    @property
    def key_set(self) -> KeySet:
        """The published keys; asked only by checks that need them."""
        if self.keys is None:
            raise RuntimeError("a check that needs the JWKS ran without it")
        return self.keys
