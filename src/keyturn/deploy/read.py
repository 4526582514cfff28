"""The one way in: an inventory of a deployment, whichever kind it is."""

from __future__ import annotations

from keyturn.deploy import compose
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.source import Ask, Source


def inventory(source: Source, ask: Ask) -> Inventory:
    """Return what the deployment's files say about keys.

    Raises :class:`~keyturn.deploy.place.Unreadable` with file, line and column.
    """
    return compose.read(source, ask)
