"""Findings that only a running system shows: its answers, its database, its logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.doctor.credentials import read_keys
from keyturn.doctor.facts import (
    DatabaseFacts,
    DatabaseSetting,
    Difference,
    LogFacts,
    ProbeFacts,
)
from keyturn.doctor.finding import Confidence, Facts, Needs, Seen, Severity
from keyturn.doctor.holdings import (
    accepted_legacy,
    auth_keys,
    holds_json,
    key_set,
    listed,
    places_of,
)
from keyturn.doctor.jwks_rhythm import Rhythm, pace, span
from keyturn.doctor.matrix import HOSTILE
from keyturn.doctor.row import row

SKEW_OF_POSTGREST: Final = 30
SMALL_SKEW: Final = 5
LONGEST_CACHE: Final = 1200
"""Seconds: 10 minutes at an edge and 10 in clients are what hosted Supabase counts with."""
_MANY_FETCHES: Final = 10
_FIRST_KEYS: Final = (
    "First settle what is said about replaced keys: a recreate signs everybody out."
)
_CACHE_FIXED: Final = (12, 2, 9)
_TIME_BUG: Final = ((14, 16), (16, 0))


def _published(inventory: Inventory) -> frozenset[str]:
    held = auth_keys(inventory)
    return held.document.kids if held is not None else frozenset()


def _auth_places(inventory: Inventory) -> tuple[Place, ...]:
    held = auth_keys(inventory)
    return places_of(held.setting) if held is not None else ()


def _replaced_keys(facts: Facts) -> Iterator[Seen]:
    ours = _published(facts.inventory)
    if not isinstance(facts.probes, ProbeFacts) or facts.probes.jwks_status != 200:
        return
    running = frozenset(facts.probes.jwks_kids)
    if ours and running and not ours & running:
        yield Seen(
            f'Auth serves "{min(running)}"; the files have "{min(ours)}" and not the other.',
            _auth_places(facts.inventory),
            "auth",
        )


def _not_recreated(facts: Facts) -> Iterator[Seen]:
    ours = _published(facts.inventory)
    if not isinstance(facts.probes, ProbeFacts) or facts.probes.jwks_status != 200:
        return
    running = frozenset(facts.probes.jwks_kids)
    missing = ours - running
    if missing and (not running or ours & running):
        yield Seen(
            f'The files have the key "{min(missing)}"; the running Auth does not serve it.',
            _auth_places(facts.inventory),
            "auth",
        )


def _contradicted(facts: Facts) -> Iterator[Seen]:
    """Yield where a running service takes or refuses what the files say otherwise."""
    groups: dict[tuple[bool, str, bool], list[Difference]] = {}
    for one in facts.differences:
        hostile = one.credential in HOSTILE
        groups.setdefault((one.accepted, one.said, hostile), []).append(one)
    wait = _FIRST_KEYS if any(_replaced_keys(facts)) else None
    for (accepted, said, hostile), same in groups.items():
        severity = Severity.ERROR
        services = listed(dict.fromkeys(one.service.value for one in same))
        kinds = listed(dict.fromkeys(one.credential.value for one in same))
        seen = f"{services} answered {said} to {kinds}; by the files they are accepted."
        if accepted:
            severity = Severity.CRITICAL if hostile else Severity.WARNING
            seen = f"{services} accepted {kinds} ({said}); by the files they are refused."
        if accepted or not hostile:
            places = _service_places(facts, same)
            yield Seen(seen, places, same[0].service.value, fix=wait, severity=severity)


def _service_places(facts: Facts, same: list[Difference]) -> tuple[Place, ...]:
    services = (facts.inventory.of_kind(one.service) for one in same)
    return tuple(dict.fromkeys(one.place for one in services if one is not None))


def _not_as_written(facts: Facts) -> Iterator[Seen]:
    yield from _not_recreated(facts)
    yield from _contradicted(facts)


def _leaks(facts: Facts) -> Iterator[Seen]:
    leaks = facts.probes.jwks_leaks if isinstance(facts.probes, ProbeFacts) else ()
    if leaks:
        yield Seen(f"The published JWKS carries {', '.join(leaks)}.", service="auth")


def _settings(facts: Facts, name: str) -> tuple[DatabaseSetting, ...]:
    if not isinstance(facts.database, DatabaseFacts):
        return ()
    return tuple(one for one in facts.database.settings if one.name == name)


def _whose(setting: DatabaseSetting) -> str:
    parts = [f"role {setting.role}"] if setting.role else []
    parts += [f"database {setting.database}"] if setting.database else []
    return " in ".join(parts) or "the server"


def _reset(setting: DatabaseSetting) -> str:
    if setting.role is None:
        return f'ALTER DATABASE {setting.database or "postgres"} RESET "{setting.name}";'
    where = f" IN DATABASE {setting.database}" if setting.database else ""
    return f'ALTER ROLE {setting.role}{where} RESET "{setting.name}";'


def _shadowed(facts: Facts) -> Iterator[Seen]:
    rest = facts.inventory.of_kind(Kind.REST)
    env = rest.get("PGRST_JWT_SECRET") if rest is not None else None
    for setting in _settings(facts, "pgrst.jwt_secret"):
        if setting.role is not None and text(setting.value) != text(env):
            yield Seen(
                f"pgrst.jwt_secret of {_whose(setting)} stands above PGRST_JWT_SECRET and differs.",
                places_of(env),
                "rest",
                fix=f"{_reset(setting)}\nNOTIFY pgrst, 'reload config';",
            )


def _readable_settings(facts: Facts) -> Iterator[Seen]:
    for name in ("pgrst.jwt_secret", "app.settings.jwt_secret"):
        for setting in _settings(facts, name):
            document = read_keys(text(setting.value))
            secret = any(key.is_symmetric or key.is_private for key in document.keys)
            if setting.value and (secret or not document.keys or not holds_json(document)):
                yield Seen(
                    f"{name} of {_whose(setting)} holds a secret that every role can read.",
                    fix=_reset(setting),
                    service="db",
                )


def _cached_verdicts(facts: Facts) -> Iterator[Seen]:
    rest = facts.inventory.of_kind(Kind.REST)
    life = rest.get("PGRST_JWT_CACHE_MAX_LIFETIME") if rest is not None else None
    version = rest.version if rest is not None else None
    if rest is None or life is None or version is None or not (12,) <= version < _CACHE_FIXED:
        return
    if (text(life) or "0").strip() not in ("", "0"):
        yield Seen(
            f"{rest.name} {'.'.join(map(str, version))} caches verified tokens across a change of "
            "keys.",
            places_of(life),
            rest.name,
        )


def _clock(facts: Facts) -> Iterator[Seen]:
    rest = facts.inventory.of_kind(Kind.REST)
    if rest is not None and rest.version is not None and rest.version[:2] in _TIME_BUG:
        yield Seen(
            f"{rest.name} {'.'.join(map(str, rest.version))} has the time bug of 14.16 and 16.0.",
            (rest.place,),
            rest.name,
            confidence=Confidence.LIKELY,
        )
    skew = facts.probes.clock_skew_seconds if isinstance(facts.probes, ProbeFacts) else None
    if skew is not None and abs(skew) > SKEW_OF_POSTGREST:
        yield Seen(f"The server's clock is {skew:+.0f} s away from this machine's.")


def _small_skew(facts: Facts) -> Iterator[Seen]:
    skew = facts.probes.clock_skew_seconds if isinstance(facts.probes, ProbeFacts) else None
    if skew is not None and SMALL_SKEW < abs(skew) <= SKEW_OF_POSTGREST:
        yield Seen(f"The server's clock is {skew:+.0f} s away from this machine's.")


def _stranded(facts: Facts) -> Iterator[Seen]:
    if not isinstance(facts.database, DatabaseFacts):
        return
    rest = key_set(facts.inventory, Kind.REST)
    legacy_off = rest is not None and not rest.document.symmetric and bool(rest.document.keys)
    gateway = facts.inventory.gateway
    legacy_off = legacy_off or (gateway is not None and not accepted_legacy(facts.inventory))
    for one in facts.database.dependants:
        opaque = "sb_" in one.credential and "Bearer" in one.credential
        if opaque or (legacy_off and "legacy" in one.credential):
            yield Seen(
                f"{one.kind} {one.name} sends a {one.credential}, which is refused.",
                service="db",
            )


def _cache_header(facts: Facts) -> Iterator[Seen]:
    probes = facts.probes
    if not isinstance(probes, ProbeFacts) or probes.jwks_status != 200:
        return
    header = (probes.jwks_cache_control or "").lower()
    age = next((p.split("=")[1] for p in header.split(",") if p.strip().startswith("max-age=")), "")
    seconds = int(age) if age.strip().isdigit() else None
    problem = None
    if "no-store" in header or "no-cache" in header or "private" in header:
        problem = f"is {header!r}: every verification fetches it"
    elif seconds is None:
        problem = "names no max-age: every verifier decides for itself"
    elif seconds > LONGEST_CACHE:
        problem = f"allows {seconds} s: a new key needs that long to be known"
    if problem:
        yield Seen(f"Cache-Control of the JWKS {problem}.", service="auth")


def _fetched_often(facts: Facts) -> Iterator[Seen]:
    for one in facts.logs.jwks if isinstance(facts.logs, LogFacts) else ():
        found = pace(one)
        if found.rhythm is Rhythm.PER_REQUEST and found.count >= _MANY_FETCHES:
            gap = span(found.gap or timedelta())
            yield Seen(f"{one.client} fetched the JWKS {found.count} times, {gap} apart.")


RULES: Final = (
    row(
        32,
        "The keys in the files have replaced those that are in use",
        Severity.ERROR,
        _replaced_keys,
        needs=Needs.PROBE,
        why="Each run of add-new-auth-keys.sh makes a new key pair. The next recreate signs "
        "everybody out: no verifier knows the old key any more.",
        fix="Before you recreate anything, put the old public key into JWT_JWKS and keep it until "
        "its tokens have expired; `keyturn rotate` does it with overlap.",
        sources=("docs self-hosted-auth-keys",),
    ),
    row(
        34,
        "A database setting hides PostgREST's JWKS",
        Severity.ERROR,
        _shadowed,
        needs=Needs.DATABASE,
        why="pgrst.jwt_secret of the role authenticator outranks the environment, so a new JWKS "
        "changes nothing.",
        fix="ALTER ROLE authenticator RESET \"pgrst.jwt_secret\"; NOTIFY pgrst, 'reload config';",
        sources=("PostgREST Config.hs:479",),
    ),
    row(
        35,
        "Every database role can read a signing secret",
        Severity.CRITICAL,
        _readable_settings,
        needs=Needs.DATABASE,
        why="Settings of roles and databases are in pg_db_role_setting, which anon may read: an "
        "injection or a careless function turns it into service_role.",
        fix="RESET the setting; where SQL needs it, read it from a locked table in a SECURITY "
        "DEFINER function.",
        sources=("supabase#45003",),
    ),
    row(
        36,
        "PostgREST keeps accepting tokens of a removed key",
        Severity.WARNING,
        _cached_verdicts,
        why="Before 12.2.9 the cache of verified tokens survives a reload of the keys.",
        fix="Upgrade PostgREST, or restart it after a key change.",
        sources=("PostgREST#4014",),
    ),
    row(
        38,
        "Clocks differ too much for fresh tokens",
        Severity.ERROR,
        _clock,
        why="PostgREST allows 30 s for iat, nbf and exp; 14.16 and 16.0 also read the time wrongly "
        "under load.",
        fix="Run NTP on every host; use PostgREST 14.17, 16.1 or later.",
        symptoms=("JWT issued at future",),
        sources=("PostgREST#5196", "supabase#49655"),
    ),
    row(
        51,
        "A job in the database sends a credential that is refused",
        Severity.ERROR,
        _stranded,
        needs=Needs.DATABASE,
        why="Webhooks, cron jobs and vault entries carry their own copy of a key; they fail with "
        "401 where nobody looks.",
        fix="Send the sb_secret_ key in the header apikey, not as Authorization: Bearer.",
        sources=("cli#4287", "supabase#48184", "supabase#46600"),
    ),
    row(
        52,
        "The running services do not have what the files say",
        Severity.WARNING,
        _not_as_written,
        needs=Needs.PROBE,
        why="A container keeps the environment with which it was created; `docker compose restart` "
        "does not read .env again. What is refused already is an error, a forged or expired token "
        "that is taken is critical.",
        fix="`docker compose up -d` creates anew what has changed. If it stays so, the address is "
        "that of another deployment, or `--explain SERVICE/CREDENTIAL` shows the step.",
        sources=("docs self-hosting",),
    ),
    row(
        81,
        "The JWKS is served with a bad Cache-Control",
        Severity.NOTICE,
        _cache_header,
        needs=Needs.PROBE,
        why="Too short, and Auth is asked for each token; too long, and a rotation must wait.",
        fix="Serve Cache-Control: public, max-age=600, as Auth does, and let no proxy change it.",
        sources=("auth api/jwks.go",),
    ),
    row(
        82,
        "Somebody fetches the JWKS for each request",
        Severity.WARNING,
        _fetched_often,
        needs=Needs.LOGS,
        why="A verifier without a cache adds a round trip to every request and stops when Auth "
        "does.",
        fix="Keep the set for 5 to 10 minutes and fetch early only for an unknown kid; "
        "keyturn.Verifier does.",
        sources=("RFC 9111",),
    ),
    row(
        83,
        "Clocks differ by some seconds",
        Severity.NOTICE,
        _small_skew,
        needs=Needs.PROBE,
        why="Auth, Realtime, Storage and Edge Functions allow no skew for exp.",
        fix="Run NTP on every host.",
        sources=("auth 2.196", "realtime 2.129.8", "storage 1.74"),
    ),
    row(
        94,
        "The published JWKS carries secrets",
        Severity.CRITICAL,
        _leaks,
        needs=Needs.PROBE,
        why="Anybody on the net can sign tokens for any user.",
        fix="Take the endpoint down, replace the key and JWT_SECRET, then find what serves the "
        "file: Auth itself never publishes k or d.",
        sources=("RFC 7517 §9.3",),
    ),
)
