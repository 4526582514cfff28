"""From an image's name and tag to what a service is and which version of it."""

from __future__ import annotations

import re
from typing import Final

from keyturn.deploy.inventory import Kind, Version

KINDS: Final[dict[str, Kind]] = {
    "gotrue": Kind.AUTH,
    "auth": Kind.AUTH,
    "postgrest": Kind.REST,
    "realtime": Kind.REALTIME,
    "storage-api": Kind.STORAGE,
    "edge-runtime": Kind.FUNCTIONS,
    "kong": Kind.KONG,
    "envoy": Kind.ENVOY,
    "studio": Kind.STUDIO,
    "supavisor": Kind.POOLER,
    "postgres-meta": Kind.META,
    "postgres": Kind.DATABASE,
    "logflare": Kind.ANALYTICS,
    "vector": Kind.VECTOR,
    "imgproxy": Kind.IMGPROXY,
}
"""The last part of an image's name, whatever registry it comes from."""
# Names that say something only under these owners: anybody can call an image ``auth``.
_OWNED: Final[dict[str, tuple[str, ...]]] = {
    "auth": ("supabase",),
    "realtime": ("supabase",),
    "studio": ("supabase",),
    "vector": ("timberio",),
    "imgproxy": ("darthsim", "imgproxy"),
    "envoy": ("envoyproxy",),
}
_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?![\d.])")


_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,254}")


def named(image: str | None) -> str | None:
    """Return the text when it can be an image's name; what cannot is not repeated anywhere."""
    return image if image and _REFERENCE.fullmatch(image) else None


def split(image: str) -> tuple[str, str | None]:
    """Return the image's name without registry tag and digest, and the tag."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return name, None


def kind_of(image: str) -> Kind | None:
    """Return what the image is, None when it is none that Keyturn knows."""
    parts = split(image)[0].lower().split("/")
    last, owner = parts[-1], parts[-2] if len(parts) > 1 else ""
    kind = KINDS.get(last)
    owners = _OWNED.get(last)
    return None if owners is not None and owner not in owners else kind


def version_of(image: str) -> Version | None:
    """Return the version that the tag names; a tag such as ``latest`` names none."""
    tag = split(image)[1]
    found = _VERSION.match(tag) if tag else None
    return tuple(int(part) for part in found[1].split(".")) if found else None
