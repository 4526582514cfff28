"""Findings about Storage, and about Realtime's health check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import Kind, Service
from keyturn.deploy.opened import text
from keyturn.doctor.credentials import Jwt, is_opaque, read_jwt
from keyturn.doctor.facts import LogFacts
from keyturn.doctor.finding import Confidence, Facts, Needs, Seen, Severity
from keyturn.doctor.holdings import is_true, key_set, places_of, secret_of, secret_setting
from keyturn.doctor.row import row

_HEALTH_TOKEN: Final = re.compile(r"Bearer\s*([A-Za-z0-9_.+/=-]*)")


def _opaque_service_key(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.STORAGE)
    for name in ("SERVICE_KEY", "ANON_KEY") if service is not None else ():
        setting = service.get(name) if service is not None else None
        if service is not None and is_opaque(text(setting)):
            yield Seen(
                f"{name} of {service.name} is an sb_ key; Storage needs a JWT there.",
                places_of(setting),
                service.name,
            )


def _s3(service: Service | None) -> bool:
    setting = service.get("S3_PROTOCOL_ACCESS_KEY_ID") if service is not None else None
    return setting is not None and setting.is_set


def _unverifiable_service_key(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.STORAGE)
    setting = service.get("SERVICE_KEY") if service is not None else None
    jwt = read_jwt(text(setting)) if setting is not None else None
    if service is None or jwt is None or not _s3(service) or _known_to_storage(facts, jwt):
        return
    yield Seen(
        f"SERVICE_KEY of {service.name} does not verify with its own AUTH_JWT_SECRET or JWKS.",
        places_of(setting, secret_setting(facts.inventory, Kind.STORAGE)),
        service.name,
    )


def _known_to_storage(facts: Facts, jwt: Jwt) -> bool:
    secret, held = secret_of(facts.inventory, Kind.STORAGE), key_set(facts.inventory, Kind.STORAGE)
    if jwt.alg == "HS256":
        return secret is None or jwt.signed_with(secret)
    return held is not None and any(jwt.verified_by(key.public) for key in held.document.asymmetric)


def _s3_path(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.STORAGE)
    if service is None or not _s3(service):
        return
    public = service.get("STORAGE_PUBLIC_URL")
    if not is_true(service, "REQUEST_ALLOW_X_FORWARDED_PATH") and not (public and public.is_set):
        yield Seen(
            f"{service.name} serves S3 and has neither REQUEST_ALLOW_X_FORWARDED_PATH nor "
            "STORAGE_PUBLIC_URL.",
            places_of(service.get("S3_PROTOCOL_ACCESS_KEY_ID")),
            service.name,
            fix="Write under its environment:\n  STORAGE_PUBLIC_URL: ${SUPABASE_PUBLIC_URL}\n"
            '  REQUEST_ALLOW_X_FORWARDED_PATH: "true"',
        )


def _refused(facts: Facts, family: str, what: str) -> Iterator[Seen]:
    count = facts.logs.refused.get(family, 0) if isinstance(facts.logs, LogFacts) else 0
    if count:
        service = facts.inventory.of_kind(Kind.STORAGE)
        setting = secret_setting(facts.inventory, Kind.STORAGE)
        yield Seen(
            f"{count} {what} were refused.",
            places_of(setting),
            service.name if service is not None else "storage",
        )


def _signed_urls(facts: Facts) -> Iterator[Seen]:
    return _refused(facts, "/storage/v1/object/sign", "requests with a signed URL")


def _resumable(facts: Facts) -> Iterator[Seen]:
    return _refused(facts, "/storage/v1/upload/resumable", "requests to /upload/resumable")


def _health_token(facts: Facts) -> Iterator[Seen]:
    service = facts.inventory.of_kind(Kind.REALTIME)
    check = service.healthcheck if service is not None else None
    found = _HEALTH_TOKEN.search(text(check) or "")
    if (
        service is None
        or check is None
        or found is None
        or "/api/tenants" not in (text(check) or "")
    ):
        return
    jwt, secret = read_jwt(found[1]), secret_of(facts.inventory, Kind.REALTIME)
    problem = None
    if not found[1]:
        problem = "is empty"
    elif jwt is None:
        problem = "is not a JWT"
    elif jwt.alg != "HS256":
        problem = f"is signed with {jwt.alg}; only HS256 passes there"
    elif secret is not None and not jwt.signed_with(secret):
        problem = "is not signed with API_JWT_SECRET"
    if problem:
        places = places_of(check, secret_setting(facts.inventory, Kind.REALTIME))
        yield Seen(f"The token in the health check of {service.name} {problem}.", places,
                   service.name)  # fmt: skip


RULES: Final = (
    row(
        16,
        "Storage is given an sb_ key where it needs a JWT",
        Severity.ERROR,
        _opaque_service_key,
        why="Storage verifies SERVICE_KEY itself for every S3 request; an sb_ key is no JWT.",
        fix="Set SERVICE_KEY: ${SERVICE_ROLE_KEY_ASYMMETRIC}, or leave it empty: Storage then "
        "signs its own.",
        symptoms=("Invalid Compact JWS",),
        sources=("cli#4181",),
    ),
    row(
        19,
        "Realtime's health check uses a token that Realtime refuses",
        Severity.ERROR,
        _health_token,
        why="/api/tenants accepts HS256 with API_JWT_SECRET only, so the container stays "
        "unhealthy and whatever waits for it does not start.",
        fix="Sign a token for it with API_JWT_SECRET (HS256, any role, far exp), keep it in a "
        "variable of its own, and name that in the health check instead of ${ANON_KEY}.",
        symptoms=("Startup probe failed",),
        sources=("supabase#40326", "coolify#2602", "Dokploy#1149"),
    ),
    row(
        22,
        "Signed URLs are refused",
        Severity.ERROR,
        _signed_urls,
        needs=Needs.LOGS,
        confidence=Confidence.POSSIBLE,
        why="Signed URLs are HS256 tokens of AUTH_JWT_SECRET: all of them die when it changes, "
        "unless a urlSigningKey was put into Storage's JWT_JWKS before.",
        fix="Issue the URLs anew. Before the next change, put a urlSigningKey into Storage's own "
        "JWT_JWKS and wait for the longest URL life.",
        symptoms=("InvalidJWT",),
        sources=("supabase#16529", "storage#629"),
    ),
    row(
        23,
        "Storage cannot verify its own SERVICE_KEY",
        Severity.ERROR,
        _unverifiable_service_key,
        why="In S3 access-key mode Storage verifies SERVICE_KEY on every request; clients get 403.",
        fix="Sign it anew, set SERVICE_KEY: ${SERVICE_ROLE_KEY_ASYMMETRIC}, or leave it empty.",
        symptoms=("signature verification failed",),
        sources=("storage 1.74",),
    ),
    row(
        24,
        "S3 signatures cannot match behind the gateway",
        Severity.ERROR,
        _s3_path,
        confidence=Confidence.LIKELY,
        why="The client signs the public path; Storage sees another one unless it may look at "
        "X-Forwarded-Path or knows its public URL. An apikey header on a signed request has the "
        "same end behind Envoy.",
        fix="Set STORAGE_PUBLIC_URL and REQUEST_ALLOW_X_FORWARDED_PATH.",
        symptoms=("SignatureDoesNotMatch",),
        sources=("storage 1.74", "envoy lds.template.yaml"),
    ),
    row(
        50,
        "Uploads to /upload/resumable are refused",
        Severity.ERROR,
        _resumable,
        needs=Needs.LOGS,
        confidence=Confidence.POSSIBLE,
        why="A signed upload belongs to /upload/resumable/sign; on the other route an empty or "
        "sb_ bearer is read as a token.",
        fix="Upload with a signed token to /upload/resumable/sign.",
        symptoms=("Invalid Compact JWS",),
        sources=("storage#1268",),
    ),
)
