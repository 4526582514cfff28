"""The objects of the stand-in: they outlive a restart, as a volume does."""

from __future__ import annotations

from dataclasses import dataclass, field

ANONYMOUS = "anon"
SERVICE = "service_role"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object and who may see it, besides the service role."""

    content: bytes
    owner: str | None


@dataclass(slots=True)
class Objects:
    """Bucket/path → object, with the policy most applications have: everybody sees their own."""

    held: dict[str, StoredObject] = field(default_factory=dict)

    def put(self, name: str, content: bytes, role: str | None, owner: str | None) -> bool:
        """Store an object; False when row level security refuses it."""
        if role != SERVICE and owner is None:
            return False
        self.held[name] = StoredObject(content, owner)
        return True

    def get(self, name: str, role: str | None, owner: str | None) -> bytes | None:
        """Return the content of what this caller may see."""
        found = self.held.get(name)
        if found is None or not _may_see(found, role, owner):
            return None
        return found.content

    def names(self, bucket: str, role: str | None, owner: str | None) -> list[str]:
        """Return the paths in ``bucket`` that this caller may see."""
        start = f"{bucket}/"
        return sorted(
            name.removeprefix(start)
            for name, one in self.held.items()
            if name.startswith(start) and _may_see(one, role, owner)
        )


def _may_see(one: StoredObject, role: str | None, owner: str | None) -> bool:
    return role == SERVICE or (owner is not None and one.owner == owner)
