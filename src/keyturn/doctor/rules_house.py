"""Findings about the folder itself: public defaults, readable files, copies, images, strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Layout
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.setting import Origin
from keyturn.doctor.credentials import is_opaque
from keyturn.doctor.finding import Confidence, Facts, Seen, Severity
from keyturn.doctor.holdings import (
    KEY_VARIABLES,
    SECRETS,
    accepted_keys,
    api_keys,
    legacy_setting,
    listed,
    named,
    octets,
    places_of,
    secret_setting,
)
from keyturn.doctor.row import row
from keyturn.doctor.well_known import PASSWORDS, is_known_password, is_known_secret

_TEMPLATE: Final = ".example"
_WORLD: Final = 0o004
_MOVING_TAGS: Final = ("latest", "main", "master", "develop", "dev", "stable", "nightly", "edge")
_SECRET_NAME: Final = re.compile(r"SUPABASE_(JWT|JWKS)")


def _known_secret(facts: Facts) -> Iterator[Seen]:
    for kind in SECRETS:
        setting = secret_setting(facts.inventory, kind)
        if setting is not None and is_known_secret(text(setting) or ""):
            yield Seen(f"{named(setting)} is a value from a public file.", places_of(setting))
            return


def _known_passwords(facts: Facts) -> Iterator[Seen]:
    found: dict[str, tuple[Place, ...]] = {}
    used = _used(facts)
    for name in PASSWORDS:
        variable = facts.inventory.variable(name) if name in used else None
        if variable is not None and is_known_password(name, text(variable) or ""):
            found[name] = (variable.place,) if variable.place is not None else ()
        for service in facts.inventory.services.values():
            setting = service.get(name)
            literal = setting is not None and setting.origin is Origin.LITERAL
            if setting is not None and literal and is_known_password(name, text(setting) or ""):
                found[name] = (*found.get(name, ()), setting.place)
    if found:
        yield Seen(
            f"{listed(found)} {'are values' if len(found) > 1 else 'is a value'} from a public "
            "file.",
            tuple(place for places in found.values() for place in places),
        )


def _used(facts: Facts) -> frozenset[str]:
    """Return the variables that some service is given."""
    return frozenset(
        variable.name
        for service in facts.inventory.services.values()
        for setting in (*service.settings.values(), service.healthcheck, service.command)
        if setting is not None
        for variable in setting.variables
    )


def _world_readable(facts: Facts) -> Iterator[Seen]:
    if facts.inventory.layout is not Layout.COMPOSE:
        return
    with_keys = {
        variable.place.file
        for name in KEY_VARIABLES
        if (variable := facts.inventory.variable(name))
        and variable.value
        and variable.place
        # A template is there to be read; that its values are in use is KT055's and KT057's.
        and not variable.place.file.endswith(_TEMPLATE)
    }
    for file in facts.inventory.files:
        if file.path in with_keys and file.mode is not None and file.mode & _WORLD:
            yield Seen(
                f"{file.path} holds keys and every user of the machine can read it "
                f"(mode {file.mode & 0o777:04o}).",
                _first_line(facts, file.path),
                fix=f"chmod 600 {file.path}",
            )


def _first_line(facts: Facts, path: str) -> tuple[Place, ...]:
    places = [
        variable.place
        for name in KEY_VARIABLES
        if (variable := facts.inventory.variable(name)) and variable.place
        and variable.place.file == path
    ]  # fmt: skip
    return (min(places),) if places else ()


def _left_behind(facts: Facts) -> Iterator[Seen]:
    for note in facts.inventory.notes:
        if note.code == "left_behind":
            yield Seen(note.message, (note.place,) if note.place else ())


def _unpinned(facts: Facts) -> Iterator[Seen]:
    for service in facts.inventory.services.values():
        if service.kind not in (*VERIFIERS, *GATEWAYS) or not service.image:
            continue
        name, _, tag = service.image.rpartition(":")
        moving = not name or "/" in tag or tag in _MOVING_TAGS
        if moving and "@sha256:" not in service.image:
            yield Seen(
                f"The image of {service.name} names no version.", (service.place,), service.name
            )


def _strangers(facts: Facts) -> Iterator[Seen]:
    secret = octets(legacy_setting(facts.inventory))
    ours = {key.text for key in api_keys(facts.inventory)} | accepted_keys(facts.inventory)
    for service in facts.inventory.unknown:
        for setting in service.settings.values():
            value = text(setting) or ""
            legacy = value in ours and not is_opaque(value)
            same = secret is not None and value.encode() == secret
            if setting.is_set and (same or legacy or _SECRET_NAME.search(setting.name)):
                what = "the JWT secret" if same else "a legacy API key" if legacy else "a JWT key"
                yield Seen(
                    f"{service.name} is given {what} as {setting.name}.",
                    places_of(setting),
                    service.name,
                )


def _twice(facts: Facts) -> Iterator[Seen]:
    for name, places in facts.inventory.duplicates.items():
        if name in KEY_VARIABLES:
            lines = ", ".join(str(place.line) for place in places)
            yield Seen(
                f"{name} is defined {len(places)} times (lines {lines}); the last one counts.",
                tuple(reversed(places)),
            )


def _from_process(facts: Facts) -> Iterator[Seen]:
    names = [
        name
        for name in KEY_VARIABLES
        if (variable := facts.inventory.variable(name)) and variable.origin is Origin.PROCESS
    ]
    if names:
        yield Seen(f"{listed(names)} come from the shell's environment, not from .env.")


RULES: Final = (
    row(
        55,
        "JWT_SECRET is known to everybody",
        Severity.CRITICAL,
        _known_secret,
        why="Anybody who can reach the server can sign a service_role token with it, and read and "
        "write every row.",
        fix="Make a new one now (openssl rand -base64 30), and sign ANON_KEY and SERVICE_ROLE_KEY "
        "anew with it; utils/generate-keys.sh does both where the folder has it. Every session "
        "ends, and that is intended.",
        sources=("docker/.env.example",),
    ),
    row(
        57,
        "Passwords and encryption keys are known to everybody",
        Severity.CRITICAL,
        _known_passwords,
        why="Whoever reaches the port of the database, the dashboard, or S3 is in.",
        fix="Make each one anew; where the folder has utils/generate-keys.sh, it makes them all. "
        "POSTGRES_PASSWORD must be changed in the database too (utils/db-passwd.sh).",
        sources=("docker/.env.example", "droplet-1-clicks#226"),
    ),
    row(
        77,
        "Everybody on the machine can read the keys",
        Severity.WARNING,
        _world_readable,
        why="Any account or any program that escapes its container signs tokens.",
        fix="chmod 600 .env",
        sources=("CWE-732",),
    ),
    row(
        78,
        "An old copy of .env was left behind",
        Severity.WARNING,
        _left_behind,
        why="The scripts that make keys edit with `sed -i.old`; the copy holds secrets that may "
        "still be in use, and nobody guards it.",
        fix="Delete it, or move it to where secrets are kept.",
        sources=("add-new-auth-keys.sh", "rotate-new-api-keys.sh"),
    ),
    row(
        79,
        "A service has no fixed version",
        Severity.WARNING,
        _unpinned,
        why="The next pull may change how keys are read: the spelling of settings, the kid rule, "
        "the main script. Keyturn cannot tell how it verifies.",
        fix="Write the tag of the release that you tested.",
        sources=("supabase/cli#4488",),
    ),
    row(
        80,
        "A service that Keyturn does not know has a key of Supabase",
        Severity.NOTICE,
        _strangers,
        confidence=Confidence.LIKELY,
        why="Backends that verify HS256 with JWT_SECRET refuse ES256 tokens on the day on which "
        "Auth signs them, and every copy of the secret can sign service_role.",
        fix="Let it verify with the JWKS (keyturn.Verifier for Python) before Auth changes.",
        symptoms=("JWT Signature verification failed: Signature verification failed.",),
        sources=("powersync-service#311",),
    ),
    row(
        90,
        "A key is defined more than once in .env",
        Severity.WARNING,
        _twice,
        why="Compose takes the last definition; scripts and people often read the first.",
        fix="Leave one.",
        sources=("compose-go dotenv",),
    ),
    row(
        91,
        "A key comes from the shell instead of .env",
        Severity.WARNING,
        _from_process,
        why="The environment outranks .env, so the same command gives other keys in another shell "
        "or from cron.",
        fix="unset the variable in the shell and write it into .env.",
        sources=("Compose: environment variables precedence",),
    ),
)
