"""A QR code as SVG text that survives ``data:image/svg+xml;utf-8,`` unescaped.

supabase-js puts exactly that prefix in front: there must be no ``#`` (it would start a fragment)
and no ``%`` in the picture, so colours are words.
"""

from __future__ import annotations

from typing import Final

import segno

_PIXELS: Final = 4
_QUIET_ZONE: Final = 4


def svg(text: str) -> str:
    """Return ``text`` (up to about 1.2 kB) as a QR code with error correction H.

    Raises ``segno.DataOverflowError`` (a ``ValueError``) for a text that no code can hold.
    """
    code = segno.make_qr(text, error="h", boost_error=False)
    rows = [bytes(row) for row in code.matrix_iter(border=_QUIET_ZONE)]
    runs = "".join(_runs(row, line) for line, row in enumerate(rows))
    side = len(rows)
    return (
        '<?xml version="1.0"?>'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side * _PIXELS}" '
        f'height="{side * _PIXELS}" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<rect width="{side}" height="{side}" fill="white"/>'
        f'<path fill="black" d="{runs}"/></svg>'
    )


def _runs(row: bytes, line: int) -> str:
    """Return path commands for the dark runs of one row."""
    parts, start = [], None
    for column, dark in enumerate((*row, 0)):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            parts.append(f"M{start} {line}h{column - start}v1H{start}z")
            start = None
    return "".join(parts)
