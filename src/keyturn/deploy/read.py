"""The one way in: an inventory of a deployment, whichever kind it is."""

from __future__ import annotations

from keyturn.deploy import compose, kubernetes
from keyturn.deploy.compose_stack import DEFAULT_NAMES
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.source import Ask, Source, join


def inventory(source: Source, ask: Ask) -> Inventory:
    """Return what the deployment's files say about keys.

    A folder with a compose file is a Compose deployment; a folder without one in which Kubernetes
    objects stand is an export. Raises :class:`~keyturn.deploy.place.Unreadable` with file, line
    and column.
    """
    return kubernetes.read(source, ask) if _is_export(source, ask) else compose.read(source, ask)


def _is_export(source: Source, ask: Ask) -> bool:
    files = Files(source)
    if ask.files:
        return kubernetes.is_manifest(files, ask.files[0])
    folder = ask.project_directory or ""
    has_compose = any(source.exists(join(folder, name)) for name in DEFAULT_NAMES)
    if has_compose or "COMPOSE_FILE" in ask.environment:
        return False
    return bool(kubernetes.manifests(files)) and b"COMPOSE_FILE" not in (source.read(".env") or b"")
