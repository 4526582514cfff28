"""A deployment as Keyturn knows it: services, the settings that carry keys, and their places.

Nothing here ever shows a value: secrets are :class:`~keyturn.secret.Secret`, and ``as_dict`` gives
fingerprints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyturn.deploy.place import Place
from keyturn.deploy.setting import CommentedOut, Setting, Variable
from keyturn.secret import Secret


class Kind(StrEnum):
    """What a service is; decided from its image, then from its settings, never from hope."""

    AUTH = "auth"
    REST = "rest"
    REALTIME = "realtime"
    STORAGE = "storage"
    FUNCTIONS = "functions"
    KONG = "kong"
    ENVOY = "envoy"
    STUDIO = "studio"
    POOLER = "pooler"
    META = "meta"
    DATABASE = "db"
    ANALYTICS = "analytics"
    VECTOR = "vector"
    IMGPROXY = "imgproxy"


VERIFIERS = (Kind.AUTH, Kind.REST, Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS)
"""The five that check user tokens, in the order in which reports list them."""
GATEWAYS = (Kind.KONG, Kind.ENVOY)

Version = tuple[int, ...]
"""``(2, 189, 0)``; compares as numbers."""


class Layout(StrEnum):
    """Which reader made the inventory."""

    COMPOSE = "compose"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read, so that a plan can notice a later change."""

    path: str
    sha256: str
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A mounted file that decides about keys: ``kong.yml``, Envoy's ``lds.yaml``, a main script."""

    path: str
    """From the deployment's folder."""
    target: str
    """The path inside the container."""
    text: str | None = field(repr=False)
    """None: the file is mounted but could not be read (``problem`` says why)."""
    place: Place
    """The line of the mount in the compose file."""
    problem: str | None = None
    alone: bool = False
    """The file itself is mounted, not its folder: a running container keeps its inode, so a file
    that is renamed into its place does not show there."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the deployment."""

    name: str
    kind: Kind | None
    """None: Keyturn does not know it, and does not guess."""
    image: str | None
    version: Version | None
    """From the image's tag; None when the tag names none (``latest``, a digest)."""
    place: Place
    settings: Mapping[str, Setting]
    commented: Mapping[str, CommentedOut] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    healthcheck: Setting | None = None
    """The test as one line of text; ``name`` is ``healthcheck``."""
    command: Setting | None = None
    """Entrypoint and command as one line of text; ``name`` is ``command``."""

    def get(self, name: str) -> Setting | None:
        """Return the setting ``name`` that the container gets, None when it does not get it."""
        found = self.settings.get(name)
        return found if found is not None and found.value is not None else None

    def document(self, target: str) -> Document | None:
        """Return the document that the container sees at the path ``target``."""
        return next((one for one in self.documents if one.target == target), None)

    def value(self, name: str) -> Secret | None:
        """Return the value of ``name``, None when the container does not get it."""
        found = self.get(name)
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was read but not understood, or that Compose itself would warn about."""

    code: str
    """``unknown_service``, ``unset_variable``, ``missing_file``, ``not_reached``, …"""
    message: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that was found."""

    layout: Layout
    files: tuple[ReadFile, ...]
    """In the order in which they were read; compose files first."""
    services: Mapping[str, Service]
    variables: Mapping[str, Variable]
    """What ``.env``, the env files named by ``--env-file`` and the process define together."""
    duplicates: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Variables that ``.env`` defines more than once, each with all its places."""
    commented_variables: Mapping[str, CommentedOut] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    project: str | None = None
    """Compose's project name, where it is written down."""

    def of_kind(self, kind: Kind) -> Service | None:
        """Return the first service of ``kind``."""
        return next((one for one in self.services.values() if one.kind is kind), None)

    @property
    def gateway(self) -> Service | None:
        """Return the gateway: Envoy or Kong."""
        return next((one for one in self.services.values() if one.kind in GATEWAYS), None)

    @property
    def unknown(self) -> tuple[Service, ...]:
        """Return the services that Keyturn does not know."""
        return tuple(one for one in self.services.values() if one.kind is None)

    def variable(self, name: str) -> Variable | None:
        """Return the variable ``name`` when it is set."""
        found = self.variables.get(name)
        return found if found is not None and found.value is not None else None

    def as_dict(self) -> dict[str, object]:
        """Return what may be shown, for JSON."""
        return {
            "layout": self.layout.value,
            "files": [{"path": one.path, "sha256": one.sha256} for one in self.files],
            "services": [_shown(one) for one in self.services.values()],
            "notes": [
                {
                    "code": one.code,
                    "message": one.message,
                    "place": one.place and one.place.as_dict(),
                }
                for one in self.notes
            ],
        }


def _shown(service: Service) -> dict[str, object]:
    return {
        "name": service.name,
        "kind": service.kind.value if service.kind else None,
        "image": service.image,
        "version": ".".join(map(str, service.version)) if service.version else None,
        "place": service.place.as_dict(),
        "settings": [one.as_dict() for one in service.settings.values()],
        "commented": [
            {"name": one.name, "place": one.place.as_dict()} for one in service.commented.values()
        ],
    }
