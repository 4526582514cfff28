"""``keyturn keys``: look at the key ring and turn it.

Everything that cannot be undone has ``--dry-run``; what ends trust wants the key's name typed
(``--confirm KID``). Heavy imports wait until a command runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli.keys_view import describe_change, describe_ring, payload_of_change, payload_of_ring
from keyturn.cli.output import emit, json_option, say
from keyturn.cli.whoami import actor_name, actor_option, data_dir_option, reason_option
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.flows.keys import Bench, Done
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import RingAccess

force_option = click.option(
    "--force", is_flag=True, help="Skip a wait or a dependency; needs --reason, which is logged."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would change; change nothing."
)
confirm_option = click.option("--confirm", metavar="KID", help="The key's name, typed again.")

_SAFE_SECRET_BYTES: Final = 32

Verb = Callable[["Bench", "Intent"], Awaitable["Done"]]


@click.group(name="keys")
def command() -> None:
    """List, turn and revoke signing keys.

    \b
    standby          published, signs nothing yet
    in_use           signs every new token; exactly one key
    previously_used  verifies the tokens it once signed
    revoked          trusted nowhere
    """


@command.command("list")
@click.option(
    "--log", "log_lines", type=click.IntRange(1, 1000), metavar="N", help="Add the last N changes."
)
@data_dir_option
@json_option
def list_command(log_lines: int | None, data_dir: str | None, as_json: bool) -> None:
    """Show every key, its state, and the earliest next step."""

    from keyturn.adapters.system import now
    from keyturn.wiring.ring_look import look_at_ring
    from keyturn.wiring.ring_policy import ring_policy

    policy = ring_policy(os.environ)
    ring, log = asyncio.run(look_at_ring(data_dir, log_lines or 0))
    emit(
        payload_of_ring(ring, policy, log),
        as_json,
        lambda: describe_ring(ring, policy, log, now()),
    )


@command.command("generate")
@click.option("--alg", default="ES256", show_default=True, help="ES256, RS256, EdDSA or HS256.")
@click.option("--out", "folder", metavar="DIR", help="Touch no ring: write the key as files there.")
@click.option("--kid", help="With --out: its name; otherwise its RFC 7638 thumbprint.")
@click.option(
    "--legacy-secret",
    "legacy_from",
    metavar="FILE",
    help="With --out: the JWT_SECRET that stays accepted (- for stdin).",
)
@reason_option
@actor_option
@data_dir_option
@json_option
def generate(
    alg: str, folder: str | None, kid: str | None, legacy_from: str | None, **common: Any
) -> None:
    """Make a new standby key. It is published at once and may sign after the wait.

    With --out the key is for another stack: PEM, base64, JWK, JWKS and env lines, mode 0600.
    """
    from keyturn.flows import keys
    from keyturn.jose.algs import ALGORITHMS

    if alg not in ALGORITHMS:
        raise UsageError(f"there is no algorithm {alg!r}: {', '.join(ALGORITHMS)}")
    if folder is not None:
        from keyturn.cli.keys_bundle import write_bundle

        write_bundle(folder, alg=alg, kid=kid, legacy_from=legacy_from, as_json=common["as_json"])
        return
    if kid is not None or legacy_from is not None:
        raise UsageError("--kid and --legacy-secret belong to --out DIR")
    _run(lambda bench, intent: keys.generate(bench, intent, alg=alg), **common)


@command.command("import")
@click.option("--file", "source", required=True, metavar="FILE", help="The key, or - for stdin.")
@click.option("--alg", help="Needed for a shared secret: HS256.")
@click.option("--kid", help="Its name in tokens. Without one, a shared secret is the legacy key.")
@click.option("--verify-only", is_flag=True, help="Accept its tokens, never sign with it.")
@click.option(
    "--legacy", is_flag=True, help="The file is a JWT_SECRET: HS256, no kid, verify only."
)
@reason_option
@actor_option
@data_dir_option
@json_option
def import_(
    source: str, alg: str | None, kid: str | None, verify_only: bool, legacy: bool, **common: Any
) -> None:
    """Add an existing key: a private JWK, a PEM, base64 of a PEM, or the text of JWT_SECRET.

    It becomes a standby; in an empty ring it signs at once. A public key only verifies.
    """
    from keyturn.cli.handover import read_key, read_secret, readable_by_others
    from keyturn.flows import keys
    from keyturn.jose.keys import SigningKey

    if legacy:
        if kid is not None or alg not in (None, "HS256"):
            raise UsageError("a legacy secret is HS256 and has no kid; leave --alg and --kid out")
        alg, verify_only = "HS256", True
    secret = read_secret(source)
    key = read_key(secret, alg=alg, kid=kid, verify_only=verify_only)
    if readable_by_others(source):
        say(f"warning: others may read {source}; remove it once the key is imported")
    if key.alg == "HS256" and len(secret) < _SAFE_SECRET_BYTES:
        say(
            f"warning: the secret has {len(secret)} bytes, so whoever has one token may find it "
            "by trying; retire it soon"
        )
    if isinstance(key, SigningKey):
        private = key
        _run(lambda bench, intent: keys.import_key(bench, intent, private), **common)
    else:
        public = key
        _run(lambda bench, intent: keys.import_verifying(bench, intent, public), **common)


@command.command("promote")
@click.argument("kid")
@force_option
@dry_run_option
@reason_option
@actor_option
@data_dir_option
@json_option
def promote(kid: str, **common: Any) -> None:
    """Let the standby KID sign; the key in use will only verify."""
    from keyturn.flows import keys

    _run(lambda bench, intent: keys.promote(bench, intent, kid), **common)


@command.command("rotate")
@click.option("--expect", metavar="KID", help="Only if KID is in use: safe to repeat in a job.")
@click.option(
    "--revoke", "revoke_old", is_flag=True, help="Also stop trusting the old key at once."
)
@confirm_option
@force_option
@dry_run_option
@reason_option
@actor_option
@data_dir_option
@json_option
def rotate(expect: str | None, revoke_old: bool, confirm: str | None, **common: Any) -> None:
    """Promote the oldest standby and make a new one.

    Tokens of the old key stay valid until it is revoked. With --revoke they are refused at once:
    every user of an access token signs in again or refreshes.
    """
    from keyturn.flows import keys

    if confirm is not None and not revoke_old:
        raise UsageError("--confirm belongs to --revoke; a plain rotation ends nobody's session")
    if revoke_old and confirm is None and not common["dry_run"]:
        raise UsageError(
            "rotate --revoke ends trust in the key in use",
            hint="Type its name: --confirm KID (see `keyturn keys list`).",
        )
    expected = confirm or expect
    if confirm and expect and confirm != expect:
        raise UsageError(f"--expect {expect} and --confirm {confirm} name different keys")
    _run(
        lambda bench, intent: keys.rotate(
            bench, intent, expected_in_use=expected, revoke_old=revoke_old
        ),
        **common,
    )


@command.command("revoke")
@click.argument("kid")
@confirm_option
@force_option
@dry_run_option
@reason_option
@actor_option
@data_dir_option
@json_option
def revoke(kid: str, confirm: str | None, **common: Any) -> None:
    """Stop trusting KID: tokens that it signed are refused at once."""
    from keyturn.flows import keys

    _confirm(kid, confirm, "revoke", dry_run=common["dry_run"])
    _run(lambda bench, intent: keys.revoke(bench, intent, kid), **common)


@command.command("delete")
@click.argument("kid")
@confirm_option
@dry_run_option
@reason_option
@actor_option
@data_dir_option
@json_option
def delete(kid: str, confirm: str | None, **common: Any) -> None:
    """Forget the revoked key KID; the audit log keeps its history."""
    from keyturn.flows import keys

    _confirm(kid, confirm, "delete", dry_run=common["dry_run"])
    _run(lambda bench, intent: keys.delete(bench, intent, kid), **common)


@command.command("export")
@click.argument("kid", required=False)
@click.option(
    "--format", "form", metavar="FORM", help="Default: public-jwks, or public-jwk with KID."
)
@click.option("--private", is_flag=True, help="Allow a form with secrets in it.")
@click.option("--output", "out", metavar="FILE", help="A new file; 0600 when the form is private.")
@data_dir_option
def export(
    kid: str | None, form: str | None, private: bool, out: str | None, data_dir: str | None
) -> None:
    """Write the ring, or the key KID, as a document.

    \b
    Of the ring:  public-jwks · verifier-jwks · gotrue-jwt-keys · article-jwt-keys
    Of one key:   public-jwk · public-pem · private-jwk · private-pem · private-pem-base64
    """
    from keyturn.cli import handover
    from keyturn.keyring.documents import KEY_FORMS, RING_FORMS
    from keyturn.wiring.ring import ring_access

    name = form or ("public-jwk" if kid else "public-jwks")
    row = (KEY_FORMS if kid else RING_FORMS).get(name)
    if row is None:
        known = ", ".join(KEY_FORMS if kid else RING_FORMS)
        raise UsageError(f"there is no form {name!r} of {'a key' if kid else 'the ring'}: {known}")
    if row.private and not private:
        raise UsageError(f"{name} holds secrets", hint="Say so: add --private.")
    handover.check_output(out, private=row.private)

    async def render() -> bytes:
        async with ring_access(data_dir, unseal=row.private) as access:
            ring = await access.store.load()
            if kid:
                return handover.opened(KEY_FORMS[name].render(ring.find(kid)))
            return handover.opened(RING_FORMS[name].render(ring))

    handover.hand_over(asyncio.run(render()), out, private=row.private)


@command.command("reseal")
@reason_option
@actor_option
@data_dir_option
@json_option
def reseal(reason: str | None, actor: str | None, data_dir: str | None, as_json: bool) -> None:
    """Put every private key under the first master key, so that older ones can be removed."""
    from keyturn.adapters.system import now
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import ring_access

    async def carry_out() -> tuple[str, ...]:
        async with ring_access(data_dir, unseal=True) as access:
            return await access.store.reseal(Intent(now(), actor_name(actor), reason))

    moved = asyncio.run(carry_out())
    human = "\n".join(f"resealed  {kid}" for kid in moved) or "every key is under it already"
    emit({"resealed": list(moved)}, as_json, human)


def _confirm(kid: str, typed: str | None, verb: str, *, dry_run: bool) -> None:
    """Have the key's name typed: as an option, or at the terminal."""
    if dry_run:
        return
    if typed is None and sys.stdin.isatty():
        typed = click.prompt(f"Type the name of the key to {verb} it", err=True, default="")
    if typed != kid:
        found = "nothing was typed" if not typed else f"{typed!r} was typed"
        raise UsageError(
            f"{verb} cannot be undone and wants the key's name again; {found}",
            hint=f"Add --confirm {kid}.",
        )


def _run(
    verb: Verb,
    *,
    reason: str | None,
    actor: str | None,
    data_dir: str | None,
    as_json: bool,
    force: bool = False,
    dry_run: bool = False,
) -> None:
    """Carry out one verb and print what changed."""
    from keyturn.adapters.system import now
    from keyturn.keyring.change import Intent
    from keyturn.wiring.ring import ring_access

    async def carry_out() -> Done:
        async with ring_access(data_dir, unseal=True, dry_run=dry_run) as access:
            return await _verb(access, verb, Intent(now(), actor_name(actor), reason, force))

    done = asyncio.run(carry_out())
    emit(payload_of_change(done), as_json, lambda: describe_change(done))


async def _verb(access: RingAccess, verb: Verb, intent: Intent) -> Done:
    return await verb(access.bench, intent)
