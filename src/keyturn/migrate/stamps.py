"""Checksums of file contents."""

from __future__ import annotations

import hashlib


def digest(content: bytes) -> str:
    """Return SHA-256 in hex, as plans, journals and inventories write it."""
    return hashlib.sha256(content).hexdigest()
