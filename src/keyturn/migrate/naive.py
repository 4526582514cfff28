"""What people do who follow the guides to the letter, as steps: only a rehearsal takes them.

Two ways: the source article (its names and shapes of settings, its third phase after an hour), and
supabase/supabase ``utils/add-new-auth-keys.sh`` of 2026, which some run again as a "rotation".
services.md §1 says where they differ from what the services read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.edit import Edit, SetSetting, SetVariable
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import raw, text
from keyturn.jose.keys import SigningKey, private_pem
from keyturn.migrate import wires
from keyturn.migrate.capabilities import ASYMMETRIC, takes_opaque_keys
from keyturn.migrate.deployment_keys import (
    DeploymentKeys,
    auth_document,
    read_keys,
    verifier_document,
)
from keyturn.migrate.fresh import Fresh, api_jwt
from keyturn.migrate.plan import Step
from keyturn.secret import Secret

_ARTICLE_SETTINGS: Final = (
    (Kind.AUTH, "GOTRUE_JWT_KEYS", "${JWT_KEYS}"),
    (Kind.REST, "PGRST_JWT_SECRET", "${JWT_JWKS}"),
    (Kind.REALTIME, "JWT_JWKS", "${JWT_JWKS}"),
    (Kind.STORAGE, "JWT_JWKS", "${JWT_JWKS}"),
    (Kind.FUNCTIONS, "JWT_JWKS", "${JWT_JWKS}"),
    (Kind.FUNCTIONS, "VERIFY_JWT", "true"),
)
"""Realtime and Functions do not read ``JWT_JWKS``."""
_SCRIPT_WIRES: Final = (wires.AUTH, wires.REST, wires.REALTIME, wires.STORAGE, wires.FUNCTIONS)


def article_keys(inventory: Inventory, fresh: Fresh) -> Step:
    """The article's first phase with ``JWT_KEYS`` in its own shape, and everything recreated."""
    legacy = read_keys(inventory).legacy
    rows = [{"alg": fresh.key.alg, "key_id": fresh.key.kid, "private_key": _pem(fresh.key)}]
    return Step(
        "The article's JWT_KEYS (alg, key_id, private_key) and JWT_JWKS",
        "As the article writes it.",
        (
            SetVariable("JWT_KEYS", _json(rows)),
            SetVariable("JWT_JWKS", _json({"keys": _article_set(fresh.key, legacy)})),
            *_article_settings(inventory),
        ),
    )


def corrected_keys(inventory: Inventory, fresh: Fresh) -> Step:
    """The same with keys as GoTrue and PostgREST read them: what people do once nothing works."""
    auth = inventory.of_kind(Kind.AUTH)
    legacy = auth.value("GOTRUE_JWT_SECRET") if auth is not None else None
    keys = DeploymentKeys(fresh.key, legacy=legacy)
    return Step(
        "The same with keys in the shape that GoTrue and PostgREST read",
        "So that Auth starts again; the settings keep the article's names.",
        (
            SetVariable("JWT_KEYS", auth_document(keys)),
            SetVariable("JWT_JWKS", verifier_document(keys)),
        ),
    )


def article_phase_three(inventory: Inventory) -> Step:
    """The article's last phase: the legacy key leaves both documents, and nothing else changes."""
    keys = DeploymentKeys(read_keys(inventory).in_use)
    return Step(
        "The legacy key is taken out of JWT_KEYS and JWT_JWKS",
        "As the article does an hour after the switch.",
        (
            SetVariable("JWT_KEYS", auth_document(keys)),
            SetVariable("JWT_JWKS", verifier_document(keys)),
        ),
    )


def official_script(inventory: Inventory, fresh: Fresh) -> Step:
    """``add-new-auth-keys.sh``: a new EC key *instead* of the old one, and new ``sb_`` keys."""
    auth = inventory.of_kind(Kind.AUTH)
    legacy = auth.value("GOTRUE_JWT_SECRET") if auth is not None else None
    keys = DeploymentKeys(fresh.key, legacy=legacy)
    return Step(
        "utils/add-new-auth-keys.sh, then docker compose up -d",
        "The script replaces whatever keys there are.",
        (
            SetVariable("JWT_KEYS", auth_document(keys)),
            SetVariable("JWT_JWKS", verifier_document(keys)),
            *_script_api_keys(inventory, fresh),
            *(edit for wire in _SCRIPT_WIRES for edit in wires.edits(inventory, wire)),
        ),
    )


def _script_api_keys(inventory: Inventory, fresh: Fresh) -> Iterator[Edit]:
    if not takes_opaque_keys(inventory):
        return
    yield SetVariable("SUPABASE_PUBLISHABLE_KEY", fresh.api_key("publishable"))
    yield SetVariable("SUPABASE_SECRET_KEY", fresh.api_key("secret"))
    for name, role in zip(ASYMMETRIC, ("anon", "service_role"), strict=True):
        yield SetVariable(name, api_jwt(role, fresh.key, fresh.now))


def _article_settings(inventory: Inventory) -> Iterator[Edit]:
    for kind, name, template in _ARTICLE_SETTINGS:
        service = inventory.of_kind(kind)
        if service is not None:
            yield SetSetting(service.name, name, template)


def _article_set(key: SigningKey, legacy: Secret | None) -> list[object]:
    rows: list[object] = [key.verifying_key().public_jwk()]
    if legacy is not None:
        # "base64-encoded-secret" in the article; a JWK wants base64url without padding.
        shared = base64.b64encode(raw(legacy)).decode("ascii")
        rows.append({"kty": "oct", "k": shared, "alg": "HS256"})
    return rows


def _pem(key: SigningKey) -> str:
    return text(private_pem(key)) or ""


def _json(value: object) -> Secret:
    return Secret(json.dumps(value, separators=(",", ":")))
