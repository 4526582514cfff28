"""The page ``docs/reference/profiles.md``, written from the profiles themselves.

Write it anew with
``python -c 'from keyturn.profiles.reference import page; print(page(), end="")'``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyturn.deploy.inventory import Kind
from keyturn.profiles import (
    auth,
    envoy,
    functions,
    keyless,
    keyset,
    kong,
    pooler,
    realtime,
    rest,
    storage,
)
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.keyset import Broken, Form, KeySet
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Verdict

TABLES: tuple[tuple[str, tuple[Behaviour, ...]], ...] = (
    ("Auth (GoTrue)", auth.BEHAVIOURS),
    ("PostgREST", rest.BEHAVIOURS),
    ("Realtime", realtime.BEHAVIOURS),
    ("Storage", storage.BEHAVIOURS),
    ("Edge Functions", functions.BEHAVIOURS),
    ("Kong", kong.BEHAVIOURS),
    ("Envoy", envoy.BEHAVIOURS),
    ("Studio, postgres-meta", keyless.BEHAVIOURS),
    ("Supavisor", pooler.BEHAVIOURS),
)
SAMPLES: tuple[tuple[str, str], ...] = (
    ("set to nothing", ""),
    ("an empty set", '{"keys":[]}'),
    ("a brace too many", '{"keys":[]}}'),
    ("single quotes left around it", "'{\"keys\":[]}'"),
    ("a JSON array", '[{"kty":"AKP"}]'),
    ("an object without a list", '{"kid":"x"}'),
    ("a member that is no object", '{"keys":["x"]}'),
    ("a PEM", "-----BEGIN PRIVATE KEY-----"),
)
"""Texts without any key; what is said about them is what the readers really do."""

_HEAD = """\
# Profiles: how each service checks a credential

A profile is a description of how one service, at a range of versions, comes to a key and what it
answers. Doctor predicts with the profiles, and stand-ins answer with them. They check real
signatures; where a service is more lenient than Keyturn's own strict core (short secrets, keys
without kid, padded base64), the profile is as lenient, and only there.

A profile reads the environment that the container gets (and, for Kong, Envoy and Edge Functions,
the mounted file), so it knows what the *files* say. It does not know what a database setting
(`pgrst.jwt_secret`), an older row of `_realtime.tenants` or a container that was not recreated
makes of it. What cannot be told is *unknown*, never a guess.

This page is written from the profiles' data; a test compares it.
"""

_WORDS = """\
## What a verdict says

| outcome | meaning |
|---|---|
| accepted | with the role that the credential names |
| downgraded | no error, but as `anon`: rows are missing and nobody says why |
| refused | with status, code and message in the service's own words |
| down | the service does not start with its settings |
| open | nobody checks |
| absent | the deployment does not have the service |
| unknown | it cannot be told from the files; the steps say what is missing |

Auth's verdict is about the token: an API key that Auth accepts still names no user, so `GET /user`
answers 403 to it. Storage's is about a route that asks for a token, such as `GET /bucket`; reading
an object takes an invalid token for none. Realtime's is about a socket and the channel joined on
it, or about the REST broadcast.
"""

_VALUES = """\
## One value, five readers

The same text in each service's key setting. Auth is asked with `GOTRUE_JWT_KEYS`, which wants an
array of private JWKs; the others want an object with a list `keys`. A text that became a secret has
to have 32 bytes since PostgREST 13, or it does not start.

| the value is | Auth | PostgREST | Realtime | Storage | Edge Functions |
|---|---|---|---|---|---|
"""

_PASSED = """\
## What the gateways put in place

The `Authorization` header that reaches PostgREST, with the official files and everything set.

| the client sends | Kong 2.8 | Kong 3.9 | Envoy |
|---|---|---|---|
"""
_OPEN = """\
## What passes without an API key

| path | Kong 2.8 | Kong 3.9 | Envoy |
|---|---|---|---|
"""
_PATHS = (
    *envoy.OPEN_PATHS,
    "/auth/v1/user",
    "/rest/v1/table",
    "/realtime/v1/api/tenants",
    "/realtime/v1/websocket",
    "/pg/",
)
_SENT = (
    ("a legacy key in `apikey` alone", Credential(None, "SERVICE_ROLE_KEY", None)),
    (
        "a legacy key in both headers",
        Credential(None, "SERVICE_ROLE_KEY", "SERVICE_ROLE_KEY"),
    ),
    ("an `sb_` key in `apikey` alone", Credential(None, "sb_secret", None)),
    ("an `sb_` key in both headers", Credential(None, "sb_secret", "sb_secret")),
    (
        "an `sb_` key and a user's token",
        Credential(None, "sb_secret", "the user's token"),
    ),
    ("another JWT in `apikey`", Credential(None, "another JWT", "another JWT")),
)
_ENVIRONMENT = {
    "SUPABASE_ANON_KEY": "ANON_KEY",
    "SUPABASE_SERVICE_KEY": "SERVICE_ROLE_KEY",
    "SUPABASE_SECRET_KEY": "sb_secret",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable",
    "SERVICE_ROLE_KEY_ASYMMETRIC": "SERVICE_ROLE_KEY_ASYMMETRIC",
    "ANON_KEY_ASYMMETRIC": "ANON_KEY_ASYMMETRIC",
}

_FORMS = {
    Form.ABSENT: "as if not set",
    Form.SET: "read",
    Form.SINGLE: "read as one key",
    Form.SECRET: "**the text is an HS256 secret**",
    Form.USELESS: "no key of it is used",
}
_READERS: tuple[Callable[[str], KeySet], ...] = (
    keyset.gotrue,
    keyset.postgrest,
    keyset.realtime,
    lambda text: keyset.storage(text).keys,
    keyset.functions,
)


def page() -> str:
    """Return the whole page."""
    tables = "\n".join(_table(title, rows) for title, rows in TABLES)
    return (
        f"{_HEAD}\n{_WORDS}\n{tables}\n{_PASSED}{_passed()}\n{_OPEN}{_open()}\n{_VALUES}{_values()}"
    )


def _table(title: str, rows: Iterable[Behaviour]) -> str:
    head = "| versions | reads | how it picks a key | what it answers | taken from |"
    lines = [f"## {title}", "", head, "|---|---|---|---|---|"]
    lines += [_line(row, title) for row in rows]
    return "\n".join(lines) + "\n"


def _line(row: Behaviour, title: str) -> str:
    versions = row.versions if "," not in title else f"{row.service.value}: {row.versions}"
    reads = ", ".join(f"`{name}`" for name in row.reads) or "—"
    return f"| {versions} | {reads} | {row.picks} | {row.answers} | {row.source} |"


def _passed() -> str:
    old = kong.read_config(_ENVIRONMENT, None, (2, 8))
    new = kong.read_config(_ENVIRONMENT, None, (3, 9))
    listener = envoy.read_config(_ENVIRONMENT, None)

    def by_kong(config: kong.Config, sent: Credential) -> str:
        trail = Trail(Kind.KONG)
        return _arrives(kong.forward(config, sent, Kind.REST, trail, websocket=False))

    def by_envoy(sent: Credential) -> str:
        trail = Trail(Kind.ENVOY)
        return _arrives(envoy.forward(listener, sent, Kind.REST, trail, websocket=False))

    return "".join(
        f"| {title} | {by_kong(old, sent)} | {by_kong(new, sent)} | {by_envoy(sent)} |\n"
        for title, sent in _SENT
    )


def _open() -> str:
    old = kong.read_config(_ENVIRONMENT, None, (2, 8))
    new = kong.read_config(_ENVIRONMENT, None, (3, 9))
    listener = envoy.read_config(_ENVIRONMENT, None)
    words = {True: "open", False: "—", None: "unknown"}
    return "".join(
        f"| `{path}` | {words[kong.is_open(old, path)]} | {words[kong.is_open(new, path)]} "
        f"| {words[envoy.is_open(listener, path)]} |\n"
        for path in _PATHS
    )


def _arrives(passed: Request | Verdict) -> str:
    if isinstance(passed, Request):
        return "none" if passed.authorization is None else f"`{passed.authorization}`"
    return f'{passed.status} "{passed.message}"'


def _values() -> str:
    return "".join(
        f"| {title} | {' | '.join(_taken(reader, text) for reader in _READERS)} |\n"
        for title, text in SAMPLES
    )


def _taken(reader: Callable[[str], KeySet], text: str) -> str:
    try:
        return _FORMS[reader(text).form]
    except Broken as broken:
        return f"stops: `{broken.logged}`"
