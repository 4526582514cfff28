"""An inventory built in memory, for tests of what judges or uses one."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.deploy.inventory import Inventory, Kind, Layout, Service
from keyturn.deploy.place import Place
from keyturn.deploy.setting import Origin, Setting, Variable
from keyturn.secret import Secret

Environment = Mapping[str, str]


def inventory(
    services: Mapping[Kind, Environment] | None = None, variables: Environment | None = None
) -> Inventory:
    """``services`` maps a kind to its environment, ``variables`` is ``.env``."""
    return Inventory(
        layout=Layout.COMPOSE,
        files=(),
        services={kind.value: _service(kind, env) for kind, env in (services or {}).items()},
        variables={
            name: Variable(name, Secret(value), Origin.DOT_ENV, Place(".env", line))
            for line, (name, value) in enumerate((variables or {}).items(), start=1)
        },
    )


def _service(kind: Kind, environment: Environment) -> Service:
    place = Place("docker-compose.yml", 1)
    return Service(
        name=kind.value,
        kind=kind,
        image=None,
        version=None,
        place=place,
        settings={
            name: Setting(name, Secret(value), place, None, Origin.LITERAL)
            for name, value in environment.items()
        },
    )
