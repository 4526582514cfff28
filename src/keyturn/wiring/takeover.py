"""`keyturn serve --takeover-check`: what would differ if this server took GoTrue's place now.

Reads the environment of a GoTrue and its database, and writes nothing to either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.accounts.auth_schema import FEATURES, LATER
from keyturn.accounts.hooks import HOOK_NAMES, FunctionHook, HookSettings, HttpHook
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.takeover import DatabaseFacts, Level, Remark, by_weight, judge_database
from keyturn.adapters.column_cipher import BadColumnKey, Columns
from keyturn.adapters.postgres.takeover_look import known_versions, look
from keyturn.adapters.system import entropy
from keyturn.wiring.auth import database_of
from keyturn.wiring.locations import auth_database, locations
from keyturn.wiring.plane import column_cipher
from keyturn.wiring.schema_fit import VARIABLES, unmet
from keyturn.wiring.settings import BadSettings, Settings, load
from keyturn.wiring.settings_table import TABLE
from keyturn.wiring.takeover_keys import judge_keys

_PROVIDER: Final = re.compile(r"GOTRUE_EXTERNAL_(?!WEB3_)([A-Z0-9_]+?)_[A-Z]+(?:_[A-Z]+)?")
_OFF: Final = frozenset({"false", "f", "0", "no", "off", "n"})
_UNUSED: Final = "GoTrue "
_OWN_PLACES: Final = frozenset({"email", "phone"})


@dataclass(frozen=True)
class TakeoverReport:
    """Everything that was found, worst first."""

    remarks: tuple[Remark, ...]

    def count(self, level: Level) -> int:
        """Return how many remarks there are of ``level``."""
        return sum(remark.level is level for remark in self.remarks)

    @property
    def same(self) -> bool:
        """Whether nothing would differ."""
        return all(remark.level is Level.CARRIES_OVER for remark in self.remarks)


async def check(environment: Mapping[str, str]) -> TakeoverReport:
    """Look at the environment and the database that it names.

    Raises ``Unreachable`` when the database does not answer and ``UsageError`` when none is named.
    """
    remarks: list[Remark] = []
    settings = _settings(environment, remarks)
    cipher, hooks = _cipher(settings, remarks), settings.accounts.hooks if settings else None
    dsn = database_of(settings) if settings else auth_database(locations())
    facts = await look(dsn, cipher, _functions(hooks))
    remarks.extend(judge_database(facts, known_versions()))
    if settings is not None:
        remarks.extend(_judge_settings(settings, environment))
        remarks.extend(_judge_providers(settings, environment, facts))
        remarks.extend(_judge_features(settings, facts))
        remarks.extend(_judge_hooks(settings.accounts.hooks, facts))
        remarks.extend(judge_keys(settings.process, facts.ring))
    return TakeoverReport(tuple(by_weight(remarks)))


def _settings(environment: Mapping[str, str], remarks: list[Remark]) -> Settings | None:
    try:
        return load(environment)
    except BadSettings as problem:
        remarks.append(Remark(Level.BLOCKS, "settings", problem.message, problem.hint or ""))
        return None


def _cipher(settings: Settings | None, remarks: list[Remark]) -> Columns:
    try:
        if settings is not None:
            return column_cipher(settings.columns)
    except (BadSettings, BadColumnKey) as problem:
        remarks.append(Remark(Level.BLOCKS, "encryption", problem.message, problem.hint or ""))
    return Columns({}, None, entropy)


def _functions(hooks: HookSettings | None) -> list[tuple[str, str]]:
    targets = (getattr(hooks, name, None) for name in HOOK_NAMES)
    return [(each.schema, each.name) for each in targets if isinstance(each, FunctionHook)]


def _judge_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Remark]:
    for name, why in settings.idle.items():
        if _PROVIDER.fullmatch(name) or environment[name].lower() in _OFF:
            continue
        level = Level.CARRIES_OVER if why.startswith(_UNUSED) else Level.DIFFERS
        yield Remark(level, "settings", f"{name} changes nothing here: {why}.")
    for name, close in settings.unknown.items():
        meant = f"; perhaps {close} was meant" if close else ""
        yield Remark(Level.DIFFERS, "settings", f"{name} is not known{meant}.")
    for row in TABLE:
        unset = not any(environment.get(name) for name in row.names)
        if unset and "GoTrue's default" in row.meaning:
            yield Remark(
                Level.DIFFERS,
                "settings",
                f"{row.name} is not set. {row.meaning}",
                f"Set {row.name} to what is meant.",
            )


def _judge_providers(
    settings: Settings, environment: Mapping[str, str], facts: DatabaseFacts
) -> Iterator[Remark]:
    for name in settings.idle:
        provider = re.fullmatch(r"GOTRUE_EXTERNAL_([A-Z0-9_]+)_ENABLED", name)
        if provider and environment[name].lower() not in _OFF:
            yield Remark(
                Level.DIFFERS,
                "providers",
                f"Sign-in with {provider[1].lower()} is on and this version does not have it.",
                "Its users can still sign in with a link to their e-mail address.",
            )
    on = sorted(name for name, each in settings.accounts.external.providers.items() if each.enabled)
    if on:
        yield Remark(Level.CARRIES_OVER, "providers", f"On, and there: {', '.join(on)}.")
    for provider_name, users in facts.identities.items():
        if provider_name in PROVIDERS or provider_name in _OWN_PLACES:
            continue
        if provider_name.startswith("custom:") and settings.accounts.external.custom_enabled:
            continue
        yield Remark(
            Level.DIFFERS,
            "providers",
            f"{users} users have an identity of {provider_name}, which this version does not have: "
            "their sessions go on, but they cannot sign in with it again.",
        )


def _judge_features(settings: Settings, facts: DatabaseFacts) -> Iterator[Remark]:
    if not facts.role.has_auth:
        return
    absent = {row.name for row in LATER if not _there(row.name, facts)}
    for feature, row in unmet(settings.accounts, absent):
        yield Remark(
            Level.BLOCKS,
            "schema",
            f"{VARIABLES[feature]} needs auth.{row.name}, which is not there (GoTrue makes it in "
            f"its migration {row.since}).",
            f"Unset the variable to go without {FEATURES[feature]}, or start a current GoTrue.",
        )


def _there(name: str, facts: DatabaseFacts) -> bool:
    table, _, column = name.partition(".")
    return table in facts.columns and (not column or column in facts.columns[table])


def _judge_hooks(hooks: HookSettings, facts: DatabaseFacts) -> Iterator[Remark]:
    for name in HOOK_NAMES:
        target = getattr(hooks, name)
        if isinstance(target, HttpHook):
            text = f"{name} is called at {target.url}, signed with {_keys(len(target.keys))}."
            yield Remark(Level.CARRIES_OVER, "hooks", text)
        elif isinstance(target, FunctionHook):
            yield _function(name, target, facts)


def _keys(count: int) -> str:
    return "one key" if count == 1 else f"{count} keys"


def _function(name: str, hook: FunctionHook, facts: DatabaseFacts) -> Remark:
    called = f"{hook.schema}.{hook.name}"
    found, may = facts.functions.get(called, (False, False))
    if not found:
        return Remark(
            Level.BLOCKS,
            "hooks",
            f"{name} names {called}, and there is no such function of one argument.",
            f"Make it, or unset GOTRUE_HOOK_{name.upper()}_ENABLED.",
        )
    if not may:
        return Remark(
            Level.BLOCKS,
            "hooks",
            f"{name} names {called}, which role {facts.role.name} may not call.",
            f"grant usage on schema {hook.schema} to {facts.role.name}; "
            f"grant execute on function {called} to {facts.role.name};",
        )
    return Remark(Level.CARRIES_OVER, "hooks", f"{name} calls {called} in the transaction.")
