"""Deployments with one thing broken on purpose, for golden reports and for the search for leaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support import deployments as made
from tests.support.deployments import Deployment, compact, healthy

Fault = Callable[[Deployment], Deployment]


def _other_secret(deployment: Deployment) -> Deployment:
    return deployment.set("JWT_SECRET", "another-secret-of-more-than-32-characters")


def _article(deployment: Deployment) -> Deployment:
    key = deployment.keys.ec
    pem = key.pem.replace("\n", "\\n")
    text = compact([{"alg": "ES256", "key_id": key.kid, "private_key": pem}])
    return deployment.set("JWT_KEYS", f"'{text}'")


def _stray_brace(deployment: Deployment) -> Deployment:
    return deployment.set("JWT_JWKS", deployment.keys.jwt_jwks + "}")


def _storage_in_the_dark(deployment: Deployment) -> Deployment:
    return deployment.comment_setting("storage", "JWT_JWKS").comment_setting(
        "realtime", "API_JWT_JWKS"
    )


def _two_signers(deployment: Deployment) -> Deployment:
    other = made.ECKey.generate()
    keys = [deployment.keys.ec.jwk(private=True), other.jwk(private=True), deployment.keys.oct]
    return deployment.set("JWT_KEYS", compact(keys))


def _replaced_key(deployment: Deployment) -> Deployment:
    other = made.ECKey.generate()
    return deployment.set("JWT_KEYS", compact([other.jwk(private=True), deployment.keys.oct]))


def _no_env(deployment: Deployment) -> Deployment:
    return deployment.remove(".env")


def _nothing(deployment: Deployment) -> Deployment:
    return deployment


# name -> (era, what is broken)
CASES: dict[str, tuple[str, Fault]] = {
    "healthy-2026-envoy": ("2026-envoy", _nothing),
    "healthy-2026-kong": ("2026-kong", _nothing),
    "healthy-2025-kong": ("2025-kong", _nothing),
    "healthy-2023-kong": ("2023-kong", _nothing),
    "another-secret": ("2026-kong", _other_secret),
    "article-keys": ("2026-envoy", _article),
    "stray-brace": ("2026-envoy", _stray_brace),
    "storage-in-the-dark": ("2026-envoy", _storage_in_the_dark),
    "two-signers": ("2026-envoy", _two_signers),
    "replaced-key": ("2026-envoy", _replaced_key),
    "no-env-file": ("2025-kong", _no_env),
}


def broken(name: str, folder: Path) -> Deployment:
    """Write the deployment of that name."""
    era, fault = CASES[name]
    return fault(healthy(folder, era))
