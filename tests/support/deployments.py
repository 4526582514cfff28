"""Healthy deployments of every era, made on the spot with fresh keys, and ways to break them.

``healthy(tmp_path, era=…)`` writes a folder as a user would have it; what the methods of
:class:`Deployment` do to it is what users do with an editor. No key outlives the test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support import deployment_documents as documents
from tests.support.deployment_templates import ServiceTemplate, services

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ERAS = ("2023-kong", "2025-kong", "2026-kong", "2026-envoy")
ASYMMETRIC_ERAS = ("2026-kong", "2026-envoy")
JWKS_SETTINGS = (
    ("auth", "GOTRUE_JWT_KEYS"),
    ("realtime", "API_JWT_JWKS"),
    ("storage", "JWT_JWKS"),
    ("functions", "SUPABASE_JWKS"),
)
"""The four lines that the official script uncomments."""


@dataclass(frozen=True)
class ECKey:
    """A P-256 key pair with its ``kid``."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    kid: str

    @classmethod
    def generate(cls) -> ECKey:
        """Make a new one."""
        return cls(ec.generate_private_key(ec.SECP256R1()), str(uuid.uuid4()))

    @property
    def pem(self) -> str:
        """Return the private key as PKCS#8 PEM."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def jwk(self, *, private: bool, signs: bool = True) -> dict[str, Any]:
        """Return the JWK in the shape that Supabase's own script writes.

        ``signs`` says whether Auth may sign with it; a standby key verifies only.
        """
        numbers = self.private.private_numbers()
        public = numbers.public_numbers
        made: dict[str, Any] = {
            "kty": "EC",
            "kid": self.kid,
            "use": "sig",
            "key_ops": ["sign", "verify"] if private and signs else ["verify"],
            "alg": "ES256",
            "ext": True,
            "crv": "P-256",
            "x": b64url(public.x.to_bytes(32, "big")),
            "y": b64url(public.y.to_bytes(32, "big")),
        }
        return made | ({"d": b64url(numbers.private_value.to_bytes(32, "big"))} if private else {})

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a token signed by this key."""
        return jwt.encode(dict(claims), self.private, "ES256", {"kid": self.kid, **header})


@dataclass(frozen=True)
class Keys:
    """Every secret of a deployment."""

    jwt_secret: str = field(repr=False)
    ec: ECKey
    standby: ECKey
    """Published, and signs nothing yet."""
    anon: str = field(repr=False)
    service_role: str = field(repr=False)
    anon_asymmetric: str = field(repr=False)
    service_role_asymmetric: str = field(repr=False)
    publishable: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def oct(self) -> dict[str, Any]:
        """Return the legacy key as a JWK without ``kid``."""
        return {"kty": "oct", "k": b64url(self.jwt_secret.encode()), "alg": "HS256"}

    @property
    def jwt_keys(self) -> str:
        """Return what Auth signs with."""
        standby = self.standby.jwk(private=True, signs=False)
        return compact([self.ec.jwk(private=True), standby, self.oct])

    @property
    def jwt_jwks(self) -> str:
        """Return what the verifiers get."""
        standby = self.standby.jwk(private=False)
        return compact({"keys": [self.ec.jwk(private=False), standby, self.oct]})


def b64url(content: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def compact(value: object) -> str:
    """Return JSON without white space, as the official script writes it."""
    return json.dumps(value, separators=(",", ":"))


def api_claims(role: str, now: datetime = NOW) -> dict[str, Any]:
    """Return the claims of a legacy API key: five years."""
    issued = int(now.timestamp())
    return {"role": role, "iss": "supabase", "iat": issued, "exp": issued + 5 * 365 * 86400}


def hs256(claims: Mapping[str, Any], secret: str, **header: Any) -> str:
    """Return a token signed with the shared secret."""
    return jwt.encode(dict(claims), secret, "HS256", header or None)


def opaque(prefix: str) -> str:
    """Return a new ``sb_…`` key with its right checksum."""
    random = b64url(secrets.token_bytes(17))[:22]
    digest = hashlib.sha256(f"supabase-self-hosted|{prefix}{random}".encode()).digest()
    return f"{prefix}{random}_{b64url(digest)[:8]}"


def new_keys(now: datetime = NOW) -> Keys:
    """Make a whole set, issued one day before ``now``."""
    key, secret = ECKey.generate(), base64.b64encode(secrets.token_bytes(30)).decode()
    anon, service = (api_claims(r, now - timedelta(days=1)) for r in ("anon", "service_role"))
    return Keys(
        secret, key, ECKey.generate(), hs256(anon, secret), hs256(service, secret),
        key.token(anon),
        key.token(service), opaque("sb_publishable_"), opaque("sb_secret_"),
    )  # fmt: skip


@dataclass(frozen=True)
class Deployment:
    """A folder with a deployment in it."""

    folder: Path
    era: str
    keys: Keys
    compose_name: str = "docker-compose.yml"

    def inventory(self, ask: Ask | None = None) -> Inventory:
        """Read the folder as doctor does."""
        return inventory(FolderSource(self.folder), ask or Ask())

    def text(self, path: str = "docker-compose.yml") -> str:
        """Return a file's text."""
        return (self.folder / path).read_bytes().decode()

    def write(self, path: str, text: str) -> Deployment:
        """Write a file, new or not."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        return self

    def rewrite(self, path: str, change: Callable[[str], str]) -> Deployment:
        """Change a file's text; a change that changes nothing is a mistake in the test."""
        before = self.text(path)
        after = change(before)
        assert after != before, f"nothing changed in {path}"
        return self.write(path, after)

    def replace(self, path: str, old: str, new: str) -> Deployment:
        """Replace every ``old`` in a file."""
        return self.rewrite(path, lambda text: text.replace(old, new))

    def remove(self, path: str) -> Deployment:
        """Delete a file."""
        (self.folder / path).unlink()
        return self

    # The .env file

    def get(self, name: str) -> str | None:
        """Return what stands behind ``name=`` in ``.env``, raw."""
        found = re.search(rf"(?m)^{name}=(.*)$", self.text(".env"))
        return found[1] if found else None

    def set(self, name: str, value: str) -> Deployment:
        """Give a variable of ``.env`` this raw text, appending it when it is new."""
        text = self.text(".env")
        line = f"{name}={value}"
        if re.search(rf"(?m)^{name}=", text):
            return self.write(".env", re.sub(rf"(?m)^{name}=.*$", lambda _: line, text))
        return self.write(".env", f"{text}{line}\n")

    def unset(self, name: str) -> Deployment:
        """Take a variable out of ``.env``."""
        return self.rewrite(".env", lambda text: re.sub(rf"(?m)^{name}=.*\n", "", text))

    def comment(self, name: str) -> Deployment:
        """Put a ``#`` before a variable of ``.env``."""
        return self.rewrite(".env", lambda text: re.sub(rf"(?m)^({name}=)", r"#\1", text))

    # Settings of services in the compose file

    def set_setting(self, service: str, name: str, text: str) -> Deployment:
        """Give a service a setting, as YAML text; replaces an active line, else adds one."""
        line = f"      {name}: {text}\n"

        def change(block: str) -> str:
            pattern = rf"(?m)^      {name}:.*\n"
            if re.search(pattern, block):
                return re.sub(pattern, lambda _: line, block)
            return block.replace("    environment:\n", f"    environment:\n{line}", 1)

        return self._in_service(service, change)

    def unset_setting(self, service: str, name: str) -> Deployment:
        """Take a setting's line out of a service."""
        return self._in_service(service, lambda b: re.sub(rf"(?m)^      {name}:.*\n", "", b))

    def comment_setting(self, service: str, name: str) -> Deployment:
        """Put a ``#`` before a setting's line."""
        return self._in_service(
            service, lambda b: re.sub(rf"(?m)^      ({name}:)", r"      #\1", b)
        )

    def uncomment_setting(self, service: str, name: str) -> Deployment:
        """Take the ``#`` from a setting's line."""
        return self._in_service(
            service, lambda b: re.sub(rf"(?m)^      # ?({name}:)", r"      \1", b)
        )

    def set_image(self, service: str, image: str) -> Deployment:
        """Give a service another image."""
        return self._in_service(
            service, lambda b: re.sub(r"(?m)^    image: .*$", f"    image: {image}", b)
        )

    def remove_service(self, service: str) -> Deployment:
        """Take a service out of the compose file."""
        return self._in_service(service, lambda _: "")

    def add_service(self, name: str, body: str) -> Deployment:
        """Append a service; ``body`` is YAML without indentation."""
        indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
        return self.rewrite(self.compose_name, lambda text: f"{text}  {name}:\n{indented}\n")

    def _in_service(self, service: str, change: Callable[[str], str]) -> Deployment:
        def within(text: str) -> str:
            found = re.search(rf"(?ms)^  {re.escape(service)}:\n.*?(?=^  \S|\Z)", text)
            assert found, f"no service {service}"
            return text[: found.start()] + change(found[0]) + text[found.end() :]

        return self.rewrite(self.compose_name, within)


def healthy(
    folder: Path,
    era: str = "2026-envoy",
    *,
    asymmetric: bool | None = None,
    compose_name: str = "docker-compose.yml",
    now: datetime = NOW,
) -> Deployment:
    """Write a deployment in which nothing is wrong.

    ``asymmetric``: ES256 keys, ``sb_`` keys and the JWKS lines are in use (default: where the era
    knows them). Services: auth, rest, realtime, storage, studio, meta, db everywhere; functions
    and supavisor from 2025 on; the gateway is ``kong``, or ``api-gw`` (Envoy).
    """
    in_use = era in ASYMMETRIC_ERAS if asymmetric is None else asymmetric
    assert era in ASYMMETRIC_ERAS or not in_use, f"{era} knows no asymmetric keys"
    made = Deployment(folder, era, new_keys(now), compose_name)
    made.write(".env", _env(made.keys, era, in_use))
    (folder / ".env").chmod(0o600)
    made.write(compose_name, _compose(era, in_use))
    for path, text in _documents(made.keys, era).items():
        made.write(path, text)
    return made


def _env(keys: Keys, era: str, in_use: bool) -> str:
    modern = era in ASYMMETRIC_ERAS
    url = "https://supabase.example.com"
    values = {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "JWT_SECRET": keys.jwt_secret,
        "ANON_KEY": keys.anon,
        "SERVICE_ROLE_KEY": keys.service_role,
    }
    if modern:
        asymmetric = {
            "SUPABASE_PUBLISHABLE_KEY": keys.publishable,
            "SUPABASE_SECRET_KEY": keys.secret,
            "JWT_KEYS": keys.jwt_keys,
            "JWT_JWKS": keys.jwt_jwks,
            "ANON_KEY_ASYMMETRIC": keys.anon_asymmetric,
            "SERVICE_ROLE_KEY_ASYMMETRIC": keys.service_role_asymmetric,
        }
        values |= {name: value if in_use else "" for name, value in asymmetric.items()}
        values |= {
            "PG_META_CRYPTO_KEY": secrets.token_hex(16),
            "REALTIME_DB_ENC_KEY": secrets.token_hex(8),
            "S3_PROTOCOL_ACCESS_KEY_ID": secrets.token_hex(16),
            "S3_PROTOCOL_ACCESS_KEY_SECRET": secrets.token_hex(32),
        }
    values |= {
        "DASHBOARD_USERNAME": "supabase",
        "DASHBOARD_PASSWORD": "d" + secrets.token_hex(12),
        "SECRET_KEY_BASE": secrets.token_urlsafe(48),
        "VAULT_ENC_KEY": secrets.token_hex(16),
        "SUPABASE_PUBLIC_URL": url,
        "API_EXTERNAL_URL": f"{url}/auth/v1" if modern else url,
        "SITE_URL": "https://app.example.com",
        "POSTGRES_HOST": "db",
        "POSTGRES_PORT": "5432",
        "POSTGRES_DB": "postgres",
        "JWT_EXPIRY": "3600",
        "PGRST_DB_SCHEMAS": "public,graphql_public",
        "FUNCTIONS_VERIFY_JWT": "true",
    }
    return "# Secrets\n" + "".join(f"{name}={value}\n" for name, value in values.items())


def _compose(era: str, in_use: bool) -> str:
    head = 'version: "3.8"\n' if era == "2023-kong" else "name: supabase\n"
    parts = [head, "services:\n"]
    for name, template in services(era).items():
        parts.append(_service(name, template, in_use))
    return "\n".join(parts)


def _service(name: str, template: ServiceTemplate, in_use: bool) -> str:
    lines = [f"  {name}:", f"    image: {template.image}", "    restart: unless-stopped"]
    if template.healthcheck:
        lines += ["    healthcheck:", f"      test: {template.healthcheck}"]
    lines.append("    environment:")
    lines += [f"      {key}: {text}" for key, text in template.settings.items()]
    hash_sign = "" if in_use else "#"
    lines += [f"      {hash_sign}{key}: {text}" for key, text in template.commented.items()]
    if template.volumes:
        lines += ["    volumes:", *(f"      - {one}" for one in template.volumes)]
    if template.entrypoint:
        lines.append(f"    entrypoint: {template.entrypoint}")
    return "\n".join(lines) + "\n"


def _documents(keys: Keys, era: str) -> dict[str, str]:
    made: dict[str, str] = {}
    if era == "2023-kong":
        text = documents.kong_yml((keys.anon,), (keys.service_role,), modern=False)
        return {"volumes/api/kong.yml": text}
    with_secret = era != "2026-envoy"
    made["volumes/db/jwt.sql"] = documents.JWT_SQL_WITH_SECRET if with_secret else documents.JWT_SQL
    modern = era in ASYMMETRIC_ERAS
    main = {"2025-kong": documents.MAIN_HS256}.get(era, documents.MAIN_SB_API_KEY)
    made["volumes/functions/main/index.ts"] = main
    if era == "2026-envoy":
        folder = "volumes/api/envoy"
        return made | {
            f"{folder}/envoy.yaml": documents.ENVOY_BOOTSTRAP,
            f"{folder}/cds.yaml": documents.ENVOY_CLUSTERS,
            f"{folder}/lds.template.yaml": documents.ENVOY_LISTENER,
            f"{folder}/docker-entrypoint.sh": documents.ENVOY_ENTRYPOINT,
        }
    anon = ("$SUPABASE_ANON_KEY", *(("$SUPABASE_PUBLISHABLE_KEY",) if modern else ()))
    service = ("$SUPABASE_SERVICE_KEY", *(("$SUPABASE_SECRET_KEY",) if modern else ()))
    made["volumes/api/kong.yml"] = documents.kong_yml(anon, service, modern=modern)
    if modern:
        made["volumes/api/kong-entrypoint.sh"] = documents.KONG_ENTRYPOINT
    return made
