"""The shape of one row of the settings table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.wiring import settings_messages_parse as parse
from keyturn.wiring import settings_parse as read


@dataclass(frozen=True)
class Setting:
    """One variable: what it is called, how its text is read and where the value lands."""

    name: str
    reads: Callable[[str], object]
    default: str | None
    """Text used when the variable is unset or empty; None leaves the target's own default."""
    lands: tuple[str, ...]
    """``group.field`` of every dataclass field that receives the value."""
    meaning: str
    kind: str
    """The word for the type in the reference."""
    aliases: tuple[str, ...] = ()
    """Other names, tried in order when ``name`` is unset."""

    @property
    def secret(self) -> bool:
        """True when the value must not be shown; such a variable has a ``_FILE`` form too."""
        return self.kind == "secret"

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of this setting, the ``_FILE`` forms of a secret included."""
        plain = (self.name, *self.aliases)
        return (*plain, *(f"{name}_FILE" for name in plain)) if self.secret else plain


@dataclass(frozen=True)
class Idle:
    """Variables that GoTrue has and that change nothing here: named at start, never silent."""

    pattern: str
    """Regular expression of whole names, without the ``GOTRUE_`` prefix."""
    why: str


_KINDS: Final[Mapping[Callable[[str], object], str]] = {
    read.text: "text",
    read.secret: "secret",
    read.boolean: "true or false",
    read.inverted: "true or false",
    read.positive: "number ≥ 1",
    read.seconds: "seconds",
    read.percentage: "0–100",
    read.port: "port",
    read.switchable_duration: "duration",
    read.waiting_time: "duration",
    read.timeout: "duration",
    read.lifetime: "duration or seconds",
    read.mfa_code_length: "6–10",
    read.words: "comma list",
    read.name_set: "comma list",
    read.address: "URL",
    read.networks: "comma list of addresses and CIDR blocks",
    read.character_sets: "sets parted by `:`",
    read.token_life: "seconds",
    read.password_length: "6–72",
    read.pool_size: "number",
    read.bcrypt_cost: "4–20",
    read.token_version: "0, 1 or 2",
    parse.send_limit: "number, or number/duration",
    parse.code_length: "6–10",
    parse.code_life: "seconds",
    parse.sms_code_life: "seconds",
    parse.flow_life: "duration",
    parse.pause: "duration",
    parse.test_codes: "comma list of number:code",
    parse.moment: "RFC 3339 time",
    parse.mail_headers: "JSON object",
}


def setting(
    name: str,
    reads: Callable[[str], object],
    default: str | None,
    lands: str,
    meaning: str,
    *aliases: str,
) -> Setting:
    """Return one line of the table; ``lands`` is a blank-separated list of ``group.field``."""
    words = getattr(reads, "allowed", ())
    kind = _KINDS.get(reads) or " or ".join(f"`{word}`" for word in words)
    return Setting(name, reads, default, tuple(lands.split()), meaning, kind, aliases)
