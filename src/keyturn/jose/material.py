"""What every kind of key material can do; one class per ``kty`` and half implements it."""

from __future__ import annotations

from typing import Literal, Protocol

PemForm = Literal["pkcs8", "sec1", "pkcs1"]


class PublicMaterial(Protocol):
    """The half that verifies. For ``oct`` it is the shared secret itself."""

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is the right one for ``signing_input``; never raises."""
        ...

    def members(self) -> dict[str, str]:
        """Return the public JWK members of the material; raises :class:`InvalidKey` for oct."""
        ...

    def pem(self) -> str:
        """Return SubjectPublicKeyInfo PEM; raises :class:`InvalidKey` for oct."""
        ...


class PrivateMaterial(Protocol):
    """The half that signs."""

    def sign(self, signing_input: bytes) -> bytes:
        """Return the raw JWS signature of ``signing_input``."""
        ...

    def public(self) -> PublicMaterial:
        """Return the half that verifies what this one signs."""
        ...

    def members(self) -> dict[str, str]:
        """Return the JWK members, public and private; the caller keeps them secret."""
        ...

    def pem(self, form: PemForm) -> bytes:
        """Return private PEM; raises :class:`InvalidKey` when ``form`` does not exist for it."""
        ...
