"""How a change is carried out: what its command line said, kept with it and taken up again.

Who takes back a change must reach the same services in the same way as whoever began it. What may
hold a credential is not written down: the journal holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from keyturn.doctor.masking import redactor
from keyturn.errors import UsageError
from keyturn.migrate.journal import Chosen

RUNNER: Final = "runner"
KEY: Final = "key"
"""The kid of the key that the user brought."""
_TEXTS: Final = (RUNNER, "url")
_LISTS: Final = ("files", "env_files", "profiles")
_FLAGS: Final = ("no_probe",)
_OPTIONS: Final = {
    RUNNER: "--runner", "url": "--url", "files": "-f", "env_files": "--env-file",
    "profiles": "--profile", "no_probe": "--no-probe",
}  # fmt: skip
_CREDENTIAL: Final = re.compile(
    r"bearer|basic |token|secret|passw|api-?key|authori[sz]ation|://[^/\s]*@", re.IGNORECASE
)
_clean: Final = redactor(None).clean


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """What the command line says about how to read, write, run and prove."""

    folder: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    in_place: bool = False
    runner: str = "auto"
    url: str | None = None
    no_probe: bool = False
    email: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """The options of a command that goes on with a change."""

    options: ChangeOptions
    told: tuple[str, ...]
    """Sentences for people: what is taken up again, and what is different now."""


def chosen_of(options: ChangeOptions, runner: str, files: Iterable[str]) -> Chosen:
    """Return what is kept of ``options``; ``runner`` and ``files`` are the ones really used."""
    kept: dict[str, tuple[str, ...]] = {RUNNER: _kept(runner)}
    if options.url is not None:
        kept["url"] = _kept(options.url)
    lists = (files, options.env_files, options.profiles)
    kept |= {name: found for name, one in zip(_LISTS, lists, strict=True) if (found := tuple(one))}
    if options.no_probe:
        kept["no_probe"] = ("yes",)
    return kept


def _kept(value: str) -> tuple[str, ...]:
    seems_secret = _CREDENTIAL.search(value) is not None or _clean(value) != value
    return () if seems_secret else (value,)


def as_begun(options: ChangeOptions, given: frozenset[str], chosen: Chosen) -> Begun:
    """Return ``options`` with what the change began with wherever nothing is ``given`` now.

    Raises ``UsageError`` where the change began with something that was not kept.
    """
    taken: dict[str, object] = {}
    again: list[str] = []
    other: list[str] = []
    for name, values in chosen.items():
        if name not in _OPTIONS:
            continue
        if name in given:
            if name not in _FLAGS and getattr(options, name) not in (values, *values):
                other.append(_different(name, values))
            continue
        if not values:
            raise UsageError(
                f"This change began with a {_OPTIONS[name]} that seems to hold a credential, so "
                "it was not written down.",
                hint=f"Give it again: {_OPTIONS[name]}.",
            )
        taken[name] = _read(name, values)
        again.append(f"{_OPTIONS[name]} {' '.join(values)}" if name not in _FLAGS else "--no-probe")
    if again:
        other.insert(0, f"as this change began: {', '.join(again)} (an option given now overrides)")
    return Begun(replace(options, **taken), tuple(other))  # type: ignore[arg-type]


def _read(name: str, values: tuple[str, ...]) -> object:
    if name in _FLAGS:
        return True
    return values[0] if name in _TEXTS else values


def _different(name: str, values: tuple[str, ...]) -> str:
    before = " ".join(values) if values else "something that was not kept"
    return f"this change began with another {_OPTIONS[name]}: {before}"
