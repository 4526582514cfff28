"""``keyturn apikeys``: list, create and revoke API keys. A key's text is shown once."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from keyturn.cli.output import emit, json_option, say, table
from keyturn.cli.whoami import actor_name, actor_option, data_dir_option, reason_option
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from keyturn.flows.ports.apikeys import ApiKeyRecord
    from keyturn.jose.keys import VerifyingKey
    from keyturn.keyring.change import Intent
    from keyturn.secret import Secret
    from keyturn.wiring.ring import RingAccess


@click.group(name="apikeys")
def command() -> None:
    """List, create and revoke API keys.

    \b
    publishable  sb_publishable_…  role anon; may be public
    secret       sb_secret_…       role service_role; for servers only
    legacy       a JWT signed with the imported JWT_SECRET
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Revoked ones too.")
@data_dir_option
@json_option
def list_command(everything: bool, data_dir: str | None, as_json: bool) -> None:
    """Show every API key: its name, its beginning, and when it was last used."""

    from keyturn.wiring.ring_look import look_at_api_keys

    found = asyncio.run(look_at_api_keys(data_dir))
    records = [record for record in found if everything or record.active]
    emit(
        {"api_keys": [_payload(record) for record in records]}, as_json, lambda: _describe(records)
    )


@command.command("create")
@click.option("--name", required=True, help="2 to 64 of a-z, 0-9, _; for instance its consumer.")
@click.option(
    "--kind",
    type=click.Choice(["publishable", "secret", "legacy"]),
    default="secret",
    show_default=True,
)
@click.option(
    "--role",
    type=click.Choice(["anon", "service_role"]),
    help="Of a legacy key; the other kinds have their own.",
)
@click.option("--description", help="What it is for, on one line; never the key itself.")
@click.option("--output", metavar="FILE", help="Write the key to this new file (0600) instead.")
@reason_option
@actor_option
@data_dir_option
@json_option
def create(
    name: str,
    description: str | None,
    kind: str,
    role: str | None,
    output: str | None,
    reason: str | None,
    actor: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Make an API key and show it, this once."""
    from keyturn.adapters.system import now
    from keyturn.cli import handover
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import ring_access

    if (kind == "legacy") != (role is not None):
        raise UsageError("--role belongs to --kind legacy, and a legacy key needs one")
    if output is not None:
        handover.check_output(output, private=True)

    async def make() -> tuple[ApiKeyRecord, Secret]:
        async with ring_access(data_dir, unseal=kind == "legacy") as access:
            intent = Intent(now(), actor_name(actor), reason)
            return await _create(access, intent, name, description, kind, role)

    record, secret = asyncio.run(make())
    payload = _payload(record)
    if output is not None:
        handover.hand_over(handover.opened(secret), output, private=True)
        emit({**payload, "file": output}, as_json, f"{record.prefix}… is in {output}")
        return
    text = handover.shown_once(secret)
    if not as_json:
        say(f"{record.kind} key {record.name} ({record.role}); it is not shown again:")
    emit({**payload, "key": text}, as_json, text)


async def _create(
    access: RingAccess,
    intent: Intent,
    name: str,
    description: str | None,
    kind: str,
    role: str | None,
) -> tuple[ApiKeyRecord, Secret]:
    from keyturn.flows import apikeys

    entropy = access.bench.entropy
    if kind == "legacy":
        from keyturn.keyring.documents import shared_secret_key

        return await apikeys.create_legacy(
            access.api_keys,
            intent,
            role="anon" if role == "anon" else "service_role",
            name=name,
            key=shared_secret_key(await _legacy_secret(access)),
            entropy=entropy,
            description=description,
        )
    return await apikeys.create(
        access.api_keys,
        intent,
        kind="publishable" if kind == "publishable" else "secret",
        name=name,
        entropy=entropy,
        description=description,
    )


@command.command("import")
@click.option("--file", "source", required=True, metavar="FILE", help="The key, or - for stdin.")
@reason_option
@actor_option
@data_dir_option
@json_option
def import_(
    source: str, reason: str | None, actor: str | None, data_dir: str | None, as_json: bool
) -> None:
    """Accept an existing ANON_KEY or SERVICE_ROLE_KEY that the legacy secret signed."""
    from keyturn.adapters.system import now
    from keyturn.cli import handover
    from keyturn.flows import apikeys
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import ring_access

    text = handover.read_text(source)

    async def register() -> ApiKeyRecord:
        async with ring_access(data_dir, unseal=True) as access:
            return await apikeys.register_legacy(
                access.api_keys,
                Intent(now(), actor_name(actor), reason),
                text=text,
                key=await _legacy_secret(access),
                entropy=access.bench.entropy,
            )

    record = asyncio.run(register())
    state = "accepted" if record.active else "known, and revoked"
    emit(_payload(record), as_json, f"legacy key {record.name} ({record.prefix}…) is {state}")


async def _legacy_secret(access: RingAccess) -> VerifyingKey:
    """Return the legacy secret of the ring; raises ``UsageError`` without one."""
    ring = await access.store.load()
    if ring.has_legacy is None or ring.has_legacy.key is None:
        raise UsageError(
            "there is no legacy secret in the ring, so there are no legacy API keys",
            hint="Make a publishable or secret key, or import the secret with `keys import`.",
        )
    return ring.has_legacy.key


@command.command("revoke")
@click.argument("which", required=False)
@click.option("--file", "source", metavar="FILE", help="The key itself, or - for stdin.")
@click.option("--confirm", metavar="NAME", help="The same name, prefix or id, typed again.")
@click.option("--dry-run", is_flag=True, help="Show which key it is; change nothing.")
@reason_option
@actor_option
@data_dir_option
@json_option
def revoke(
    which: str | None,
    source: str | None,
    confirm: str | None,
    dry_run: bool,
    reason: str | None,
    actor: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Refuse an API key from now on. WHICH is its name, its id or the beginning shown by list."""
    from keyturn.adapters.system import now
    from keyturn.cli import handover
    from keyturn.flows import apikeys
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import ring_access

    if (which is None) == (source is None):
        raise UsageError("name the key, or give it with --file, and not both")
    named = which if which is not None else handover.read_text(source or "-")
    if which is not None:
        _refuse_key_text(which)
        _confirm(which, confirm, dry_run=dry_run)

    async def end() -> ApiKeyRecord:
        async with ring_access(data_dir, unseal=False) as access:
            if dry_run:
                return apikeys.choose(await access.api_keys.list(), named)
            intent = Intent(now(), actor_name(actor), reason)
            return await apikeys.revoke(access.api_keys, intent, named)

    record = asyncio.run(end())
    said = f"{record.kind} key {record.name} ({record.prefix}…)"
    human = f"would revoke {said}; nothing was changed" if dry_run else f"revoked {said}"
    emit({"applied": not dry_run, **_payload(record)}, as_json, human)


def _refuse_key_text(which: str) -> None:
    """A whole key on the command line is in the shell's history and in the process list now."""
    from keyturn.apikeys.opaque import PREFIXES, prefix

    whole = which.startswith(tuple(PREFIXES.values())) and len(which) > len(prefix(which))
    if whole or which.count(".") == 2:
        raise UsageError(
            "that looks like the key itself, which must not stand on a command line",
            hint="Give it with --file FILE or on stdin with --file -.",
        )


def _confirm(which: str, typed: str | None, *, dry_run: bool) -> None:
    if dry_run:
        return
    if typed is None and sys.stdin.isatty():
        typed = click.prompt("Type it again to revoke it", err=True, default="")
    if typed != which:
        raise UsageError(
            "revoking an API key cannot be undone and wants it named twice",
            hint=f"Add --confirm {which}.",
        )


def _payload(record: ApiKeyRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "name": record.name,
        "kind": record.kind,
        "role": record.role,
        "prefix": record.prefix,
        "description": record.description,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
        "revoked_at": record.revoked_at,
    }


def _describe(records: Sequence[ApiKeyRecord]) -> str:
    if not records:
        return "there are no API keys; `keyturn apikeys create --name NAME` makes one"
    rows = [
        (
            record.name,
            record.kind,
            record.role,
            f"{record.prefix}…",
            _moment(record.created_at),
            _moment(record.last_used_at),
            "active" if record.active else f"revoked {_moment(record.revoked_at)}",
            record.description or "",
        )
        for record in records
    ]
    return table(("NAME", "KIND", "ROLE", "KEY", "CREATED", "LAST USED", "STATE", "FOR"), rows)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
