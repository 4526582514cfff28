"""How a stand-in says which rule refused a request, for reports; no client looks at it."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from keyturn.flows.ports.rehearsal import WHY_HEADER

_AS_THEY_ARE: Final = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
"""What else a header may have; a percent sign must not be taken for an escape."""


def because(why: str) -> dict[str, str]:
    """Return the header with a sentence; ``why_in`` reads it back, dots and dashes as they were."""
    return {WHY_HEADER: quote(why, safe=_AS_THEY_ARE)} if why else {}
