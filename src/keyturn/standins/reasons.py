"""How a stand-in says which rule refused a request, for reports; no client looks at it."""

from __future__ import annotations

from keyturn.flows.ports.rehearsal import WHY_HEADER


def because(why: str) -> dict[str, str]:
    """Return the header with a sentence, in characters that a header may have."""
    return {WHY_HEADER: why.encode("ascii", "replace").decode()} if why else {}
