"""Plans of reads that were asked before: the same question again needs no parsing.

A plan depends on the request's own text and the catalogue only, never on who asks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from keyturn.flows.ports.rest import Catalogue

MOST: Final = 512
LONGEST_QUERY: Final = 2048
"""Bytes of a query string worth remembering; it bounds the memory together with ``MOST``."""
Plan = TypeVar("Plan")
Key = tuple[object, ...]


class Remembered(Generic[Plan]):
    """The plans used last, all of one catalogue: a new one forgets them."""

    def __init__(self) -> None:
        """Start empty."""
        self._catalogue: Catalogue | None = None
        self._plans: OrderedDict[Key, Plan] = OrderedDict()

    def find(self, catalogue: Catalogue, key: Key) -> Plan | None:
        """Return the plan for ``key`` against exactly this ``catalogue``, or None."""
        if catalogue is not self._catalogue:
            self._plans.clear()
            self._catalogue = catalogue
            return None
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
        return plan

    def keep(self, catalogue: Catalogue, key: Key, plan: Plan) -> None:
        """Remember ``plan`` unless the catalogue has changed since."""
        if catalogue is not self._catalogue:
            return
        self._plans[key] = plan
        if len(self._plans) > MOST:
            self._plans.popitem(last=False)
