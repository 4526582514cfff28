"""From a service of an inventory to the configuration that its profile judges with."""

from __future__ import annotations

from keyturn.deploy import opened
from keyturn.deploy.inventory import Document, Inventory, Kind, Service
from keyturn.profiles import auth, envoy, functions, kong, pooler, realtime, rest, storage
from keyturn.profiles.key import Key

PUBLISHED_PATH = "/auth/v1/.well-known/jwks.json"


def environment(service: Service) -> dict[str, str]:
    """Return the environment as the container gets it."""
    found = ((name, opened.text(setting)) for name, setting in service.settings.items())
    return {name: value for name, value in found if value is not None}


def auth_config(service: Service) -> auth.Config:
    """Return Auth's configuration."""
    return auth.read_config(environment(service), service.version)


def rest_config(service: Service) -> rest.Config:
    """Return PostgREST's configuration, mounted secret files included."""
    files = {one.target: one.text for one in service.documents if one.text is not None}
    return rest.read_config(environment(service), service.version, files)


def realtime_config(service: Service) -> realtime.Config:
    """Return Realtime's configuration."""
    command = opened.text(service.command) or ""
    return realtime.read_config(environment(service), service.version, command)


def storage_config(service: Service) -> storage.Config:
    """Return Storage's configuration."""
    return storage.read_config(environment(service))


def functions_config(service: Service, inventory: Inventory) -> functions.Config:
    """Return the main script's configuration; a v1 script also needs what Auth publishes."""
    script = _document(service, ("main/index.ts", "main/index.js"))
    return functions.read_config(
        environment(service),
        script.text if script else None,
        script_problem=script.problem if script else None,
        published=_published(inventory),
    )


def pooler_config(service: Service) -> pooler.Config:
    """Return Supavisor's configuration."""
    return pooler.read_config(environment(service))


def kong_config(service: Service) -> kong.Config:
    """Return Kong's configuration with the mounted declarative file."""
    text = _text(service, ("kong.yml", "kong.yaml", "temp.yml"))
    return kong.read_config(environment(service), text, service.version)


def envoy_config(service: Service) -> envoy.Config:
    """Return Envoy's configuration with the mounted listener template, or route table."""
    names = ("lds.template.yaml", "lds.yaml.template", "lds.yaml")
    routes = _text(service, ("rds.yaml",))
    return envoy.read_config(environment(service), _text(service, names), routes)


def is_open(inventory: Inventory, path: str) -> bool | None:
    """Whether ``path`` passes the gateway without an API key.

    True without a gateway; None when the gateway's own file does not tell.
    """
    gateway = inventory.gateway
    if gateway is None:
        return True
    if gateway.kind is Kind.KONG:
        return kong.is_open(kong_config(gateway), path)
    return envoy.is_open(envoy_config(gateway), path)


def _published(inventory: Inventory) -> tuple[Key, ...] | None:
    """Return Auth's public keys when the script can fetch them through the gateway."""
    service = inventory.of_kind(Kind.AUTH)
    if service is None or is_open(inventory, PUBLISHED_PATH) is False:
        return None
    config = auth_config(service)
    return None if config.failure is not None else config.published


def _document(service: Service, endings: tuple[str, ...]) -> Document | None:
    named = (
        one
        for ending in endings
        for one in service.documents
        if one.target.endswith(ending) or one.path.endswith(ending)
    )
    return next(named, None)


def _text(service: Service, endings: tuple[str, ...]) -> str | None:
    found = _document(service, endings)
    return found.text if found else None
