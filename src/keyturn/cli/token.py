"""``keyturn token``: look at a token, explain why it is refused, sign one for a test.

A token comes from a file or from stdin, never from the command line: other users can read that,
and shells keep it. For the same reason no message repeats a word that may be one.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli import token_view
from keyturn.cli.output import EXIT_FINDINGS, emit, json_option, say
from keyturn.cli.whoami import actor_name, actor_option, data_dir_option, reason_option
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.flows.token_mint import MintedToken, MintRequest
    from keyturn.jose.jwks import KeySet
    from keyturn.jose.key import VerifyingKey
    from keyturn.verify.policy import Policy

_LONGEST_WORD: Final = 40
_STDIN: Final = "-"
_NEVER_IN_ARGV: Final = "The token is on the command line, where others can read it."
_FROM_WHERE: Final = "Pipe it in, or put it into a file and give --file FILE."


class TokenGroup(click.Group):
    """A group that never repeats an unknown word: it may be a token."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse unknown commands without naming them when they may be secret."""
        if args[0] not in self.commands and _may_be_secret(args[0]):
            raise UsageError(_NEVER_IN_ARGV, hint=f"`keyturn token inspect`: {_FROM_WHERE}")
        return super().resolve_command(ctx, args)


@click.group(name="token", cls=TokenGroup)
def command() -> None:
    """Look at tokens, explain refusals, sign test tokens.

    \b
    inspect   what a token says; needs no key
    verify    every reason for which it would be refused
    mint      a short-lived token signed with the key in use
    """


file_option = click.option(
    "--file", "source", metavar="FILE", help="The token; - or nothing reads standard input."
)
# Declared so that click does not repeat a token in its complaint about an extra argument.
words_argument = click.argument("words", nargs=-1, metavar="[-]")


@command.command("inspect")
@words_argument
@file_option
@json_option
def inspect(words: tuple[str, ...], source: str | None, as_json: bool) -> None:
    """Show what a token says: header, claims, times, size, and what is odd about it.

    Nothing is verified and no key is needed. What is not a token is recognised, with a hint where
    it belongs. The signature is not shown, so the output is no credential; claims may be personal.

    Exits with 0 when it is a token, 1 when it is not.
    """
    from keyturn.adapters.system import now
    from keyturn.flows.token_inspect import look

    text = _read_token(words, source)
    inspection = asyncio.run(look(text, now=now()))
    emit(
        token_view.payload_of_inspection(inspection),
        as_json,
        lambda: token_view.describe_inspection(inspection),
    )
    if inspection.recognised is not None:
        sys.exit(EXIT_FINDINGS)


@command.command("verify")
@words_argument
@file_option
@click.option("--jwks-file", metavar="FILE", help="Verify with the keys of this JWKS.")
@click.option("--jwks-url", metavar="URL", help="Fetch the JWKS: https, or http on this machine.")
@click.option("--secret-file", metavar="FILE", help="Also accept a legacy JWT_SECRET.")
@click.option("--secret-env", metavar="NAME", help="The legacy JWT_SECRET is in this variable.")
@click.option("--issuer", metavar="TEXT", help="Expected iss.")
@click.option("--any-issuer", is_flag=True, help="Do not check iss.")
@click.option("--audience", "audiences", multiple=True, metavar="TEXT", help="Expected aud.")
@click.option("--any-audience", is_flag=True, help="Do not check aud.")
@click.option(
    "--alg",
    "algorithms",
    multiple=True,
    help="Accepted algorithm, repeatable. Default: key pairs, and HS256 if there is a secret.",
)
@click.option(
    "--leeway",
    type=click.IntRange(0, 300),
    default=0,
    show_default=True,
    help="Seconds by which clocks may differ.",
)
@data_dir_option
@json_option
def verify(
    words: tuple[str, ...], source: str | None, data_dir: str | None, as_json: bool, **given: Any
) -> None:
    """Say every reason for which a token would be refused, and which key it needs.

    Keys come from --jwks-file or --jwks-url, else from the key ring of the data folder or of the
    database in the environment. Issuer and audience have no default: name them, or say that any
    will do.

    Exits with 0 when the token is valid, 1 when it is not.
    """
    from keyturn.adapters.system import now
    from keyturn.flows.token_verify import judge

    _check_trust(**given)
    _one_reader_of_stdin(source, given["secret_file"], given["jwks_file"])
    text = _read_token(words, source)
    keys, gone = asyncio.run(_keys(text, data_dir, **given))
    policy = _policy(keys, **given)
    diagnosis = asyncio.run(judge(text, keys, policy, now=now(), gone=gone.items()))
    emit(
        token_view.payload_of_diagnosis(diagnosis, keys),
        as_json,
        lambda: token_view.describe_diagnosis(diagnosis),
    )
    if not diagnosis.accepted:
        sys.exit(EXIT_FINDINGS)


@command.command("mint")
@click.option("--role", default="authenticated", show_default=True, help="Role in the database.")
@click.option("--sub", metavar="ID", help="The user; Auth and auth.uid() expect a UUID.")
@click.option(
    "--audience", default="authenticated", show_default=True, metavar="TEXT", help="Its aud."
)
@click.option("--issuer", metavar="TEXT", help="Its iss; without one the token has none.")
@click.option(
    "--ttl",
    type=click.IntRange(1, 3600),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long it lives, at most 3600.",
)
@click.option(
    "--claim", "claims", multiple=True, metavar="NAME=JSON", help="Another claim, repeatable."
)
@click.option("--yes", is_flag=True, help="Really sign for service_role or another system role.")
@click.option("--output", "out", metavar="FILE", help="A new file (mode 0600) for the token.")
@click.option("--show", is_flag=True, help="Print the token even on a terminal.")
@reason_option
@actor_option
@data_dir_option
@json_option
def mint(
    claims: tuple[str, ...],
    yes: bool,
    out: str | None,
    show: bool,
    reason: str | None,
    actor: str | None,
    data_dir: str | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Sign a short-lived token for a test with the key in use, and log that.

    With --sub of a user it is that user's, also for Auth. It belongs to no session, so signing
    out does not end it; only its expiry or the revocation of the key does. The token goes to a
    pipe or to --output, to a terminal only with --show.
    """
    from keyturn.adapters.system import now
    from keyturn.cli import handover
    from keyturn.flows.token_mint import MintRequest, check
    from keyturn.keyring.change import Intent

    more = token_view.claims_from(claims)
    request = MintRequest(claims=more, confirmed=yes, **said)
    check(request)
    _check_destination(out, show=show)
    minted = asyncio.run(_mint(data_dir, request, Intent(now(), actor_name(actor), reason)))
    text = handover.shown_once(minted.token)
    if out is not None:
        handover.hand_over(f"{text}\n".encode(), out, private=True)
    facts = token_view.payload_of_minted(minted, text if out is None else None, out)
    if out is None and not as_json:
        say(token_view.describe_minted(minted))
    emit(facts, as_json, text if out is None else token_view.describe_minted(minted, out))


def _read_token(words: tuple[str, ...], source: str | None) -> str:
    """Return the token of ``--file`` or of stdin; raises ``UsageError``."""
    if words not in ((), (_STDIN,)):
        raise UsageError(_NEVER_IN_ARGV, hint=_FROM_WHERE)
    if words and source is not None:
        raise UsageError("Give either - or --file, not both.")
    if source is not None and source.count(".") > 1 and _may_be_secret(source):
        raise UsageError(_NEVER_IN_ARGV, hint=f"--file wants a file's name. {_FROM_WHERE}")
    from keyturn.cli.handover import read_text

    if source in (None, _STDIN) and sys.stdin.isatty():
        say("paste the token, then press Enter and Ctrl-D")
    text = read_text(source or _STDIN).strip()
    if not text:
        raise UsageError("There is no token: the input is empty.")
    return text


def _may_be_secret(word: str) -> bool:
    return len(word) > _LONGEST_WORD or word.startswith(("eyJ", "sb_"))


def _one_reader_of_stdin(*sources: str | None) -> None:
    token, *others = sources
    if others.count(_STDIN) + (token in (None, _STDIN)) > 1:
        raise UsageError("Only one thing can be read from standard input; give files for others.")


def _check_trust(**given: Any) -> None:
    """Have issuer and audience said, and at most one place for keys and for the secret."""
    for name, values, opt_out in (
        ("issuer", given["issuer"], given["any_issuer"]),
        ("audience", given["audiences"], given["any_audience"]),
    ):
        if bool(values) == opt_out:
            raise UsageError(
                f"Say which {name} is expected, once.",
                hint=f"Give --{name} TEXT, or --any-{name} to leave it unchecked.",
            )
    for one, other in (("jwks_file", "jwks_url"), ("secret_file", "secret_env")):
        if given[one] and given[other]:
            names = (f"--{name.replace('_', '-')}" for name in (one, other))
            raise UsageError(f"Give only one of {' and '.join(names)}.")


async def _keys(text: str, data_dir: str | None, **given: Any) -> tuple[KeySet, dict[str, str]]:
    """Return the keys to verify with, and what became of those that are gone."""
    from keyturn.cli import handover
    from keyturn.flows import token_verify
    from keyturn.wiring import token_keys

    legacy = _legacy_secret(given["secret_file"], given["secret_env"])
    gone: dict[str, str] = {}
    if given["jwks_file"]:
        keys = token_verify.read_keys(handover.read_text(given["jwks_file"]).encode())
    elif given["jwks_url"]:
        keys = await token_keys.fetch_keys(given["jwks_url"])
    else:
        shared = legacy is None and token_verify.wants_shared_secret(text)
        ring = await token_keys.trusted_ring(data_dir, shared_secrets=shared)
        keys, gone = ring.key_set(), token_verify.history(ring)
    return token_verify.with_secret(keys, legacy), gone


def _legacy_secret(file: str | None, variable: str | None) -> VerifyingKey | None:
    if not file and not variable:
        return None
    from keyturn.cli.handover import read_secret
    from keyturn.jose.keys import signing_key_from_secret
    from keyturn.wiring.token_keys import secret_from_environment

    secret = read_secret(file) if file else secret_from_environment(variable or "")
    return signing_key_from_secret(secret, kid=None, allow_short=True).verifying_key()


def _policy(keys: KeySet, **given: Any) -> Policy:
    from keyturn.flows.token_verify import usual_algorithms
    from keyturn.verify.policy import Policy

    return Policy(
        algorithms=frozenset(given["algorithms"]) or usual_algorithms(keys),
        issuer=given["issuer"],
        audience=frozenset(given["audiences"]) or None,
        leeway=given["leeway"],
    )


def _check_destination(out: str | None, *, show: bool) -> None:
    """Refuse early what the hand-over would refuse, before anything is signed."""
    from keyturn.cli import handover

    if out == _STDIN:
        raise UsageError("--output wants a file; without it the token goes to standard output.")
    if out is not None and show:
        raise UsageError("Give either --output or --show.")
    if out is not None:
        handover.check_output(out, private=True)
    elif sys.stdout.isatty() and not show:
        raise token_view.TokenOnTerminal


async def _mint(data_dir: str | None, request: MintRequest, intent: Any) -> MintedToken:
    from keyturn.flows.token_mint import mint as sign
    from keyturn.wiring.token_keys import minting

    async with minting(data_dir) as (store, log):
        return await sign(store, log, request, intent)
