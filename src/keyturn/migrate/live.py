"""Ways to tell a running service of changed keys, where the user's configuration permits one.

A way counts only when what it needs stands in the compose file: the file that the service reads
again is mounted from the host, can be read here, and is where the keys really come from. Everything
else is created anew, with the reason. Facts: services.md §3–§8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from keyturn.deploy.inventory import Document, Inventory, Kind, Service
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Origin
from keyturn.deploy.watched import watched_folder
from keyturn.migrate.capabilities import ASYMMETRIC
from keyturn.migrate.commands import Way
from keyturn.profiles.rest import is_true

KEPT_REVOKED: Final = ((12,), (12, 2, 9))
"""From the first to before the second, PostgREST's cache went on accepting the tokens of a key that
a reload took away (#4014)."""
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_ENVOY_SECONDS: Final = 2
_NOTIFY_SECONDS: Final = 8
"""GoTrue waits 5 s for further changes and looks once a second (``internal/reloader``)."""
_POLLER_SECONDS: Final = 20
"""The same after its poller's 10 s."""
KONG_RELOAD: Final = ("kong", "reload")


@dataclass(frozen=True, slots=True)
class Live:
    """How a running service learns of its keys."""

    way: Way
    argument: tuple[str, ...]
    files: tuple[str, ...]
    """The mounted files, from the deployment's folder, that it reads again; nothing else."""
    why: str


@dataclass(frozen=True, slots=True)
class NotLive:
    """It has to be created anew."""

    why: str


def live_way(inventory: Inventory, service: Service) -> Live | NotLive:
    """Return the way of one service that holds keys, or why there is none."""
    known = _WAYS.get(service.kind) if service.kind else None
    return known(inventory, service) if known else NotLive("nothing tells it while it runs")


def reread(running: Service, now: Service) -> Service:
    """Return what a running container holds after it read its mounted files again.

    Its environment stays that of the moment at which it was created.
    """
    watched = {
        name: one
        for name, one in {**running.settings, **now.settings}.items()
        if one.origin is Origin.WATCHED
    }
    return replace(running, settings={**running.settings, **watched}, documents=now.documents)


def takes_heed(kind: Kind | None, way: Way, argument: tuple[str, ...]) -> bool:
    """Whether a service of ``kind`` reads anything again when it is told so."""
    match kind, way:
        case Kind.REST, Way.SIGNAL:
            return argument == ("SIGUSR2",)
        case Kind.KONG, Way.EXEC:
            return argument == KONG_RELOAD
        case ((Kind.AUTH | Kind.ENVOY), Way.WATCH):
            return True
        case _:
            return False


def gateway_tokens(document: Document) -> tuple[str, ...]:
    """Return the JWTs that stand in a gateway's file, each once."""
    return tuple(dict.fromkeys(_TOKEN.findall(document.text or "")))


def on_the_host(inventory: Inventory, document: Document) -> bool:
    """Whether it is a file on its own that was read, and no text within the compose file."""
    there = any(one.path == document.path for one in inventory.files)
    return there and document.text is not None and document.path != document.place.file


def _rest(inventory: Inventory, service: Service) -> Live | NotLive:
    named = text(service.get("PGRST_JWT_SECRET")) or ""
    if not named.startswith("@") and service.value("PGRST_DB_PRE_CONFIG"):
        return NotLive(
            "PGRST_DB_PRE_CONFIG names a function of your database, which Keyturn cannot see and "
            "does not change; if keys come from there, change them there, then NOTIFY pgrst, "
            "'reload config'"
        )
    if not named.startswith("@"):
        return NotLive(
            "it reads PGRST_JWT_SECRET when it starts, and NOTIFY pgrst cannot change an "
            "environment; with @FILE it would read a mounted file again on SIGUSR2"
        )
    document = service.document(named[1:])
    if document is None or not on_the_host(inventory, document):
        return NotLive(
            f"PGRST_JWT_SECRET names {named[1:]}, which is no mounted file that can be read here"
        )
    if is_true(text(service.get("PGRST_JWT_SECRET_IS_BASE64")) or ""):
        return NotLive("PGRST_JWT_SECRET_IS_BASE64 is true, and a JWKS is not base64")
    first, mended = KEPT_REVOKED
    if service.version is not None and first <= service.version < mended:
        return NotLive("before 12.2.9 PostgREST goes on accepting a key that a reload took away")
    return Live(
        Way.SIGNAL,
        ("SIGUSR2",),
        (document.path,),
        f"PGRST_JWT_SECRET names the mounted file {document.path}, which it reads again on SIGUSR2",
    )


def _auth(inventory: Inventory, service: Service) -> Live | NotLive:
    folder = watched_folder(service.command)
    if folder is None:
        return NotLive(
            "it reads GOTRUE_JWT_KEYS when it starts; with --config-dir it would watch a folder"
        )
    setting = service.get("GOTRUE_JWT_KEYS")
    if setting is None or setting.origin is not Origin.WATCHED:
        return NotLive(f"no mounted *.env file in {folder} (--config-dir) sets GOTRUE_JWT_KEYS")
    path = setting.place.file
    document = next((one for one in service.documents if one.path == path), None)
    if document is None or document.alone or not on_the_host(inventory, document):
        return NotLive(f"{path} is mounted by itself; it notices changes in a mounted folder only")
    notified = (text(service.get("GOTRUE_RELOADING_NOTIFY_ENABLED")) or "true").lower()
    polled = is_true(text(service.get("GOTRUE_RELOADING_POLLER_ENABLED")) or "")
    if not is_true(notified) and not polled:
        return NotLive("GOTRUE_RELOADING_NOTIFY_ENABLED is false, so it does not watch its folder")
    seconds = _NOTIFY_SECONDS if is_true(notified) else _POLLER_SECONDS
    return Live(
        Way.WATCH,
        (str(seconds),),
        (path,),
        f"it watches the folder of {path} (--config-dir) and takes a change within {seconds} s",
    )


def _kong(inventory: Inventory, service: Service) -> Live | NotLive:
    if held := _token_in_environment(service):
        return NotLive(f"its container is given {held}, which it reads when it starts")
    target = text(service.get("KONG_DECLARATIVE_CONFIG")) or ""
    document = service.document(target)
    if document is None or not on_the_host(inventory, document):
        return NotLive("its entrypoint fills in kong.yml once, from the container's environment")
    return Live(
        Way.EXEC,
        KONG_RELOAD,
        (document.path,),
        f"KONG_DECLARATIVE_CONFIG is the mounted {document.path}, which `kong reload` reads again",
    )


def _envoy(inventory: Inventory, service: Service) -> Live | NotLive:
    if held := _token_in_environment(service):
        return NotLive(f"its entrypoint fills in lds.yaml once, with {held} of the environment")
    named = "\n".join(one.text or "" for one in service.documents)
    files = tuple(
        one.path
        for one in service.documents
        if gateway_tokens(one)
        and not one.alone
        and f'"{one.target}"' in _quoted(named)
        and on_the_host(inventory, one)
    )
    holding = [one.path for one in service.documents if gateway_tokens(one)]
    if not files or set(holding) != set(files):
        return NotLive("no file with its tokens stands in a mounted folder that it watches")
    return Live(
        Way.WATCH,
        (str(_ENVOY_SECONDS),),
        files,
        f"it watches {', '.join(files)} and takes what is renamed into place",
    )


def _quoted(config: str) -> str:
    """Return a configuration with every ``path: x`` as ``"path": "x"``: YAML's as JSON's."""
    return re.sub(r'(?m)"?\bpath"?:[ \t]*["\']?([^"\'\s,}]+)["\']?', r'"path": "\1"', config)


def _token_in_environment(service: Service) -> str | None:
    return next((name for name in ASYMMETRIC if service.value(name)), None)


_WAYS: Final[Mapping[Kind, Callable[[Inventory, Service], Live | NotLive]]] = {
    Kind.AUTH: _auth,
    Kind.REST: _rest,
    Kind.REALTIME: lambda *_: NotLive(
        "it writes API_JWT_JWKS into its tenant row when it starts. Its tenant API closes every "
        "socket as well, and any restart of the container, a crash too, would write back the keys "
        "of its old environment, a revoked one among them"
    ),
    Kind.STORAGE: lambda *_: NotLive("in single-tenant mode it keeps its configuration for life"),
    Kind.FUNCTIONS: lambda *_: NotLive("workers get the environment of the main container"),
    Kind.KONG: _kong,
    Kind.ENVOY: _envoy,
}
