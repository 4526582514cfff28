"""What still depends on JWT_SECRET or on a legacy API key: the 19 rows of services.md §10.

Each row is a function from facts to items. An item that *blocks* breaks, or keeps the old secret
alive, when the legacy key is taken away; one that *informs* needs a thought and no step before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.setting import Setting
from keyturn.doctor.credentials import Jwt, read_jwt
from keyturn.doctor.facts import DatabaseFacts, LogFacts, Unknown
from keyturn.doctor.finding import Facts
from keyturn.doctor.holdings import (
    SECRETS,
    accepted_legacy,
    api_keys,
    holders,
    key_documents,
    key_set,
    legacy_keys,
    literal_keys,
    named,
    octets,
    place_of,
    places_of_group,
    secret_of,
    secret_setting,
    shared,
)
from keyturn.doctor.well_known import DEMO_EXPIRY, DEMO_ISSUER

_BEARER: Final = re.compile(r"Bearer\s+([A-Za-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in the way, or worth knowing."""

    what: str
    why: str
    instead: str
    """What replaces it, or what to do."""
    blocks: bool = True
    place: Place | None = None
    service: str | None = None
    row: int | None = None
    """The row of services.md §10; None for what stands before an earlier phase."""

    def as_dict(self) -> dict[str, object]:
        """Return the item for JSON."""
        return {
            "what": self.what,
            "place": self.place.as_dict() if self.place else None,
            "service": self.service,
            "effect": "blocks" if self.blocks else "informs",
            "why": self.why,
            "instead": self.instead,
        }


def legacy_secrets(inventory: Inventory) -> frozenset[bytes]:
    """Return the secrets that are the legacy one: shared, signing API keys, or an oct key."""
    held = [secret for kind in SECRETS if (secret := secret_of(inventory, kind))]
    found = {secret for secret in held if held.count(secret) > 1}
    jwts = [key.jwt for key in legacy_keys(inventory)] + [
        read_jwt(k) for k in literal_keys(inventory)
    ]
    found |= {secret for secret in held if any(jwt and jwt.signed_with(secret) for jwt in jwts)}
    found |= {
        key.secret
        for one in key_documents(inventory)
        for key in one.document.symmetric
        if key.secret in held and not _is_url_key(one.document.top, key.kid)
    }
    return frozenset(found)


def _is_url_key(top: object, kid: str | None) -> bool:
    own = top.get("urlSigningKey") if isinstance(top, dict) else None
    return isinstance(own, dict) and own.get("kid") == kid


def dependants(facts: Facts) -> tuple[Item, ...]:
    """Return every item, in the order of the rows."""
    return tuple(item for row in _ROWS for item in row(facts))


def _secret_items(
    facts: Facts, kind: Kind, number: int, why: str, instead: str, *, blocks: bool = True
) -> Iterator[Item]:
    setting, service = secret_setting(facts.inventory, kind), facts.inventory.of_kind(kind)
    if setting is None or service is None:
        return
    if secret_of(facts.inventory, kind) in legacy_secrets(facts.inventory):
        what = f"{setting.name} of {service.name} is the legacy secret"
        yield Item(what, why, instead, blocks, place_of(setting), service.name, number)


def _named_items(
    facts: Facts, kind: Kind, names: tuple[str, ...], number: int, why: str, instead: str,
    *, blocks: bool = True,
) -> Iterator[Item]:  # fmt: skip
    """Yield settings of a service that hold the legacy secret or a legacy API key."""
    service = facts.inventory.of_kind(kind)
    for name in names if service is not None else ():
        setting = service.get(name) if service is not None else None
        if service is None or setting is None or not _is_legacy(facts.inventory, setting):
            continue
        kept = "the legacy secret" if read_jwt(text(setting)) is None else "a legacy API key"
        what = f"{name} of {service.name} is {kept}"
        yield Item(what, why, instead, blocks, place_of(setting), service.name, number)


def _is_legacy(inventory: Inventory, setting: Setting) -> bool:
    jwt = read_jwt(text(setting))
    if jwt is not None:
        return jwt.alg == "HS256"
    return octets(setting) in legacy_secrets(inventory)


def _auth_secret(facts: Facts) -> Iterator[Item]:
    return _secret_items(
        facts, Kind.AUTH, 1, "Auth does not start without a secret.",
        "keep the setting, with a new random value of its own", blocks=False,
    )  # fmt: skip


def _admin_calls(facts: Facts) -> Iterator[Item]:
    for setting in accepted_legacy(facts.inventory):
        jwt = read_jwt(text(setting))
        if jwt is not None and jwt.role == "service_role":
            yield Item(
                f"Servers may call /auth/v1/admin with {named(setting)}",
                "Auth answers 403 to HS256 once the oct key is out of JWT_KEYS.",
                "SUPABASE_SECRET_KEY, sent as apikey through the gateway",
                place=place_of(setting),
                service=_name(facts, Kind.AUTH),
                row=2,
            )


def _rest_secret(facts: Facts) -> Iterator[Item]:
    return _secret_items(
        facts, Kind.REST, 3, "PostgREST verifies with the secret itself, not with a JWKS.",
        "PGRST_JWT_SECRET: ${JWT_JWKS}, without an oct key in the end",
    )  # fmt: skip


def _sql_secret(facts: Facts) -> Iterator[Item]:
    why = "Functions in SQL may sign tokens with it, and every role can read it."
    instead = "take it out; rewrite what calls sign() of pgjwt"
    names = ("PGRST_APP_SETTINGS_JWT_SECRET",)
    yield from _named_items(facts, Kind.REST, names, 4, why, instead, blocks=False)
    yield from _named_items(facts, Kind.DATABASE, ("JWT_SECRET",), 4, why, instead, blocks=False)
    if isinstance(facts.database, DatabaseFacts):
        for setting in facts.database.settings:
            if setting.name in ("app.settings.jwt_secret", "pgrst.jwt_secret"):
                whose = setting.role or setting.database or "the server"
                yield Item(
                    f"{setting.name} is set for {whose} in the database", why,
                    f'RESET "{setting.name}" and NOTIFY pgrst, \'reload config\'',
                    service="db", row=4,
                )  # fmt: skip


def _realtime_secret(facts: Facts) -> Iterator[Item]:
    return _secret_items(
        facts, Kind.REALTIME, 5,
        "Realtime verifies HS256 with it whatever the JWKS says, so it is not revoked there.",
        "a new random API_JWT_SECRET of its own",
    )  # fmt: skip


def _health_token(facts: Facts) -> Iterator[Item]:
    service = facts.inventory.of_kind(Kind.REALTIME)
    check = service.healthcheck if service is not None else None
    found = _BEARER.search(text(check) or "")
    jwt = read_jwt(found[1]) if found else None
    if check is not None and jwt is not None and _signed_by_legacy(facts.inventory, jwt):
        yield Item(
            "Realtime's health check sends a token of the legacy secret",
            "The container becomes unhealthy when API_JWT_SECRET or the token changes.",
            "an HS256 token of its own, signed with the new API_JWT_SECRET",
            place=check.place,
            service=service.name if service is not None else None,
            row=6,
        )


def _signed_by_legacy(inventory: Inventory, jwt: Jwt) -> bool:
    return any(jwt.signed_with(secret) for secret in legacy_secrets(inventory))


def _scrapers(facts: Facts) -> Iterator[Item]:
    why = "Whoever reads /metrics or /api there sends an HS256 token of this secret."
    instead = "an independent random value, and a new token for the scraper"
    names = ("METRICS_JWT_SECRET",)
    yield from _named_items(facts, Kind.REALTIME, names, 7, why, instead, blocks=False)


def _storage_secret(facts: Facts) -> Iterator[Item]:
    return _secret_items(
        facts, Kind.STORAGE, 8,
        "Storage verifies HS256 with it whatever the JWKS says, so it is not revoked there.",
        "a new random AUTH_JWT_SECRET of its own",
    )  # fmt: skip


def _storage_service_key(facts: Facts) -> Iterator[Item]:
    return _named_items(
        facts, Kind.STORAGE, ("SERVICE_KEY",), 9,
        "Storage verifies it for every S3 request; with a new secret S3 answers 403.",
        "SERVICE_KEY: ${SERVICE_ROLE_KEY_ASYMMETRIC}, or empty: Storage signs its own",
    )  # fmt: skip


def _storage_anon_key(facts: Facts) -> Iterator[Item]:
    return _named_items(
        facts, Kind.STORAGE, ("ANON_KEY",), 10,
        "It is the SigV4 secret of S3 clients that use session tokens.",
        "tell those clients the new value on the same day", blocks=False,
    )  # fmt: skip


def _signed_urls(facts: Facts) -> Iterator[Item]:
    held = key_set(facts.inventory, Kind.STORAGE)
    setting = secret_setting(facts.inventory, Kind.STORAGE)
    own_key = held is not None and "urlSigningKey" in held.document.top
    legacy = secret_of(facts.inventory, Kind.STORAGE) in legacy_secrets(facts.inventory)
    if setting is not None and legacy and not own_key:
        yield Item(
            "Signed URLs and upload tokens are signed with AUTH_JWT_SECRET",
            "All that were issued answer 400 InvalidJWT when the secret changes.",
            "a urlSigningKey in Storage's own JWT_JWKS first, then the longest URL life of waiting",
            place=place_of(setting),
            service=_name(facts, Kind.STORAGE),
            row=11,
        )


def _functions(facts: Facts) -> Iterator[Item]:
    why = "Edge Functions verify with it, or send it through the gateway."
    names = ("JWT_SECRET", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    instead = "SUPABASE_JWKS with public keys only, and SUPABASE_SECRET_KEYS for calls"
    return _named_items(facts, Kind.FUNCTIONS, names, 12, why, instead)


def _gateway(facts: Facts) -> Iterator[Item]:
    gateway = facts.inventory.gateway
    for setting in accepted_legacy(facts.inventory):
        yield Item(
            f"The gateway accepts {named(setting)}",
            "It lets the key pass to services that then answer 401.",
            "empty it in the same step, so that clients get one clear 401",
            place=place_of(setting),
            service=gateway.name if gateway is not None else None,
            row=13,
        )
    for _ in literal_keys(facts.inventory)[:1]:
        mount = gateway.documents[0].place if gateway is not None and gateway.documents else None
        yield Item(
            "The gateway's file holds legacy keys",
            "It goes on accepting them whatever .env says.",
            "the gateway files of the current release",
            place=mount,
            service=gateway.name if gateway is not None else None,
            row=13,
        )


def _studio(facts: Facts) -> Iterator[Item]:
    names = ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_KEY", "AUTH_JWT_SECRET")
    return _named_items(
        facts, Kind.STUDIO, names, 14, "Studio's pages call Auth and Storage with it.",
        "SUPABASE_PUBLISHABLE_KEY and SUPABASE_SECRET_KEY",
    )  # fmt: skip


def _pooler(facts: Facts) -> Iterator[Item]:
    names = ("API_JWT_SECRET", "METRICS_JWT_SECRET")
    return _named_items(
        facts, Kind.POOLER, names, 15, "It guards Supavisor's admin API only.",
        "independent random values", blocks=False,
    )  # fmt: skip


def _database(facts: Facts) -> Iterator[Item]:
    why = "It sends the key by itself, and fails with 401 where nobody looks."
    instead = "SUPABASE_SECRET_KEY in the header apikey, not as Bearer"
    if isinstance(facts.database, Unknown):
        yield Item(
            "Webhooks, cron jobs and the vault were not looked at", facts.database.reason,
            "ask again with the database", blocks=False, service="db", row=16,
        )  # fmt: skip
        return
    for one in facts.database.dependants:
        if "legacy" not in one.credential and "HS256" not in one.credential:
            continue  # an sb_ key outlives the secret; sent as Bearer it is KT051
        yield Item(f"{one.kind} {one.name}: {one.credential}", why, instead, service="db", row=16)


def _clients(facts: Facts) -> Iterator[Item]:
    for service in facts.inventory.unknown:
        for setting in service.settings.values():
            if setting.is_set and _is_legacy(facts.inventory, setting):
                yield Item(
                    f"{service.name} has {setting.name}",
                    "A verifier or client of yours that knows nothing of ES256 keys.",
                    "verification with the JWKS, sb_ keys for calls",
                    place=place_of(setting),
                    service=service.name,
                    row=17,
                )
    if isinstance(facts.logs, LogFacts):
        for kind, count in facts.logs.credentials.items():
            if count and ("legacy" in kind or "HS256" in kind):
                yield Item(
                    f"{count} requests in the access log carried: {kind}",
                    "Apps, builds and jobs in the field still hold it.",
                    "sb_ keys in every client; wait until the count is 0",
                    row=17,
                )
    elif legacy_keys(facts.inventory):
        yield Item(
            "Whether clients still send legacy keys was not looked at", facts.logs.reason,
            "ask again with the gateway's access log", blocks=False, row=17,
        )  # fmt: skip


def _oct_keys(facts: Facts) -> Iterator[Item]:
    holding = (
        one
        for one in key_documents(facts.inventory)
        if any(not _is_url_key(one.document.top, key.kid) for key in one.document.symmetric)
    )
    for group in shared(holding):
        yield Item(
            f"{named(group[0].setting)} for {holders(group)} holds the legacy secret as oct key",
            "Whoever reads the document can sign with it, and PostgREST and Auth accept that.",
            "the same document without the oct key",
            place=places_of_group(group)[0],
            service=group[0].service.name,
            row=18,
        )


def _demo_keys(facts: Facts) -> Iterator[Item]:
    for key in api_keys(facts.inventory):
        claims = key.jwt.claims if key.jwt is not None else {}
        if claims.get("iss") == DEMO_ISSUER and claims.get("exp") == DEMO_EXPIRY:
            yield Item(
                f"{key.name} is the demo key of .env.example",
                "It expires on 2027-01-09T23:00:00Z for everybody.",
                "your own keys before that day; better sb_ keys",
                place=key.places[0],
                service=key.service,
                row=19,
            )


def _name(facts: Facts, kind: Kind) -> str | None:
    service = facts.inventory.of_kind(kind)
    return service.name if service is not None else None


_ROWS: Final[tuple[Callable[[Facts], Iterator[Item]], ...]] = (
    _auth_secret,
    _admin_calls,
    _rest_secret,
    _sql_secret,
    _realtime_secret,
    _health_token,
    _scrapers,
    _storage_secret,
    _storage_service_key,
    _storage_anon_key,
    _signed_urls,
    _functions,
    _gateway,
    _studio,
    _pooler,
    _database,
    _clients,
    _oct_keys,
    _demo_keys,
)
