"""``keyturn render``: the documents of a phase or a rotation, for those who edit by themselves.

Two commits instead of two commands: every world gets the same values in its own form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keyturn.cli import handover
from keyturn.cli.change_options import change_options, folder_argument, options_for_reading
from keyturn.cli.output import emit, json_option, reports_errors, say
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.deploy.render_file import Rendered
    from keyturn.wiring.render import Moment, Opened

Renderer = Callable[["Opened", dict[str, Any]], "tuple[Sequence[Rendered], Sequence[str]]"]
_COMPOSE_TOO: Final = (
    "The compose file must change as well, or nothing reads the new variables: "
    "`keyturn render compose-override` with the same --phase writes it."
)
_KONG_NEXT: Final = (
    "Mount it where your kong.yml was, with the official kong-entrypoint.sh of 2026, and recreate "
    "the container; or run the entrypoint's awk and `kong reload` within it."
)
_ENVOY_NEXT: Final = (
    "Mount the folder as {folder}; later, `mv` a new rds.yaml into place within it: an overwritten "
    "file is not noticed."
)
_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@click.group(
    "render", short_help="Write the same documents for an env tab, Kubernetes, SOPS, Kong …"
)
def command() -> None:
    """Write what a phase of the migration, or a rotation, makes of the deployment DIR.

    For those whose files come from a repository, an env tab or a cluster: nothing in DIR is
    changed, and the gates of `keyturn migrate` and `keyturn rotate` hold as well. DIR is the
    deployment as committed; the first rendering makes the keys, the next ones read them there.

    \b
    keyturn render env DIR --phase 1 --output phase1.env    new keys, in a new 0600 file
    keyturn render compose-override DIR --phase 1           what the services take from them
    keyturn render env DIR --phase 2 --deployed-at 2026-01-31T12:00Z --output phase2.env
    keyturn render k8s DIR --revoke KID --output now        an emergency: no wait, and no gate
    keyturn render envoy DIR --output gateway               what stands there now, several API keys
    """


_MOMENT: Final = (
    click.option("--current", is_flag=True, help="What stands there now (the default)."),
    click.option("--phase", type=click.IntRange(1, 3), help="After this phase of the migration."),
    click.option("--rotate", is_flag=True, help="After the next rotation."),
    click.option("--revoke", metavar="KID", help="After an emergency: KID is trusted nowhere."),
    click.option("--step", "steps", type=click.IntRange(min=1), metavar="N",
                 help="Only the first N steps of it: one commit each."),
    click.option("--deployed-at", metavar="TIME",
                 help="Since when the files given are running, with its zone; it replaces the "
                 "journal that `migrate` keeps."),
    click.option("--key-file", metavar="FILE", help="Phase 1: your own key; - is stdin."),
    click.option("--alg", default="ES256", show_default=True, help="ES256, RS256 or EdDSA."),
    click.option("--jwks-cache", type=click.IntRange(0, 86_400), default=0, metavar="SECONDS",
                 help="What your CDN or proxy caches the JWKS for."),
    click.option("--access-log", metavar="FILE", help="Phase 3: who still uses legacy keys."),
    click.option("--database-url-file", metavar="FILE", help="Phase 3: look for them there."),
    click.option("--i-know", metavar="REASON", help="Phase 3 all the same."),
)  # fmt: skip
_GIVING: Final = (
    click.option("--sops", metavar="FILE", help="Read this encrypted file with the rest, in "
                 "memory, by the `sops` on the PATH."),
    click.option("--private", is_flag=True, help="Allow keys on stdout, into a pipe."),
    click.option("--output", "out", metavar="FILE",
                 help="A new file, 0600 when it holds keys; a folder for k8s and envoy."),
)  # fmt: skip


def _world(
    name: str, help_text: str, *extra: Callable[[Any], Any]
) -> Callable[[Renderer], click.Command]:
    def decorate(render: Renderer) -> click.Command:
        def run(folder: str, as_json: bool, **given: Any) -> None:
            from keyturn.wiring.render import Encrypted, open_view

            if given.get("edit"):
                _edit(folder, given, as_json=as_json)
                return
            held = Encrypted(given["sops"]) if given["sops"] else None
            opened = open_view(change_options(folder, given), _moment(given), held)
            files, notices = render(opened, given)
            _give(opened, files, notices, given, as_json=as_json)

        made: Any = json_option(reports_errors(run))
        for option in reversed((*extra, *_MOMENT, *_GIVING)):
            made = option(made)
        made = options_for_reading(folder_argument(made))
        built = click.command(name, help=help_text)(made)
        command.add_command(built)
        return built

    return decorate


def _moment(given: dict[str, Any]) -> Moment:
    from keyturn.cli.own_key import read_own_key
    from keyturn.flows.migrate import Wish
    from keyturn.flows.rotate import TurnWish
    from keyturn.wiring.render import Moment

    revoke = given["revoke"]
    states = (given["phase"] is not None, given["rotate"], revoke is not None, given["current"])
    if sum(states) > 1:
        raise UsageError(
            "--current, --phase, --rotate and --revoke are different states; give one."
        )
    wish = turn = None
    if given["phase"] is not None:
        key = read_own_key(given["key_file"], given["alg"])
        wish = Wish(given["phase"], key, given["alg"], given["jwks_cache"], given["i_know"])
    elif given["rotate"] or revoke is not None:
        turn = TurnWish(revoke=revoke, extra_caches=given["jwks_cache"])
    elif given["steps"] is not None:
        raise UsageError("--step belongs to --phase, --rotate or --revoke.")
    if given["key_file"] and given["phase"] != 1:
        raise UsageError("--key-file is for --phase 1: later states use the keys that are there.")
    return Moment(wish, turn, given["steps"], _unix(given["deployed_at"]), given["access_log"],
                  given["database_url_file"])  # fmt: skip


def _unix(moment: str | None) -> int | None:
    if moment is None:
        return None
    from keyturn.clock import unix

    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(
            "--deployed-at is no time with its zone.", hint="Write it as 2026-01-31T12:00Z."
        )
    return unix(found)


def _give(
    opened: Opened,
    files: Sequence[Rendered],
    notices: Sequence[str],
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Hand the files over, and say what they are on stderr."""
    out, private = given["out"], any(one.private for one in files)
    to_stdout = out is None and not as_json
    if to_stdout and private and not given["private"]:
        raise UsageError(
            "This holds keys.", hint="Give --output for a new 0600 file, or --private for a pipe."
        )
    paths = [_path(out, one, len(files)) for one in files]
    if out is not None or to_stdout:
        for one, path in zip(files, paths, strict=True):
            handover.check_output(path, private=one.private)
        for number, (one, path) in enumerate(zip(files, paths, strict=True)):
            between = b"---\n" if path is None and number else b""
            content = between + handover.opened(one.content)
            handover.hand_over(content, path, private=one.private)
    _say(opened, (*opened.view.warnings, *notices))
    if as_json or out is not None:
        emit(_payload(opened, files, paths, notices), as_json, "\n".join(p or "" for p in paths))


def _path(out: str | None, file: Rendered, count: int) -> str | None:
    return out if out is None or count == 1 else str(Path(out) / file.name)


def _say(opened: Opened, sentences: Sequence[str]) -> None:
    view = opened.view
    say(f"{view.title}: {', '.join(view.steps)}" if view.steps else view.title)
    for one in dict.fromkeys(sentences):
        say(f"note: {one}")


def _payload(
    opened: Opened, files: Sequence[Rendered], paths: Sequence[str | None], notices: Sequence[str]
) -> dict[str, object]:
    """Return what may be shown; the content only of files without keys."""
    view = opened.view
    return {
        "title": view.title,
        "steps": list(view.steps),
        "warnings": [*view.warnings, *notices],
        "files": [
            {
                "name": one.name,
                "path": path,
                "private": one.private,
                "content": None if one.private else one.text,
            }
            for one, path in zip(files, paths, strict=True)
        ],
    }


@_world(
    "env",
    "Write `NAME=value` lines, one per variable: what changes, or every key with --all.",
    click.option("--all", "everything", is_flag=True, help="Every variable that holds keys."),
)
def _env(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.deploy.render_env import env_file

    return (env_file(_variables(opened, given)),), _other_half(opened)


def _variables(opened: Opened, given: dict[str, Any]) -> Any:
    from keyturn.deploy.render_names import changed_variables, key_variables

    view = opened.view
    if given["everything"] or not view.steps:
        return key_variables(view.after)
    changed = changed_variables(view.before, view.after)
    if not changed:
        raise UsageError("No variable changes.", hint="Add --all for every variable with keys.")
    return changed


def _other_half(opened: Opened) -> tuple[str, ...]:
    """Say what the services take otherwise, which no variable can do."""
    from keyturn.deploy.render_override import override_file

    view = opened.view
    if opened.exported:
        return ()
    found = override_file(view.before, view.after, view.original, view.source, view.ask)
    return () if found is None else (_COMPOSE_TOO,)


@_world("compose-override", "Write a compose override file; it names variables and holds no key.")
def _override(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.deploy.render_env import env_file
    from keyturn.deploy.render_names import changed_variables
    from keyturn.deploy.render_override import check_override, override_file

    del given
    view = opened.view
    if opened.exported:
        raise UsageError("A Kubernetes export has no compose file.", hint="Render k8s.")
    found = override_file(view.before, view.after, view.original, view.source, view.ask)
    env = env_file(changed_variables(view.before, view.after), "keyturn-check.env")
    check_override(view.original, view.ask, found, env, view.after)
    if found is None:
        raise UsageError("The services take what they need already: no override is needed.")
    resets = "It uses !reset, so Docker Compose 2.24 or later must read it."
    return (found,), (resets,) if "!reset" in found.text else ()


@_world(
    "k8s",
    "Write a Kubernetes Secret with every key, and a patch for each workload.",
    click.option("--namespace", default="", help="Of the objects."),
    click.option("--secret-name", default="keyturn-keys", show_default=True, help="Of the Secret."),
    click.option("--data", "encoded", is_flag=True, help="data in base64 instead of stringData."),
)
def _k8s(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.deploy.render_kubernetes import Objects, kubernetes_files, notices

    names = (given["secret_name"], given["namespace"] or "default")
    if not all(_OBJECT_NAME.fullmatch(one) for one in names):
        raise UsageError("Names of Kubernetes objects are small letters, digits, - and dots.")
    objects = Objects(given["secret_name"], given["namespace"], given["encoded"])
    view = opened.view
    files = kubernetes_files(view.before, view.after, opened.targets, objects)
    return files, tuple(notices(view.before, view.after, opened.targets))


@_world(
    "sops",
    "Write plain text for `sops -e`, or edit a file that sops keeps encrypted.",
    click.option("--all", "everything", is_flag=True, help="Every variable that holds keys."),
    click.option("--format", "form", type=click.Choice(["dotenv", "yaml"]), default="dotenv",
                 show_default=True, help="Of the plain text."),
    click.option("--edit", metavar="FILE", help="Put what changes into this encrypted file, by "
                 "the `sops` on the PATH; DIR is read as if it lay there decrypted."),
)  # fmt: skip
def _sops(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.deploy.render_sops import sops_file

    pipe = f"Pipe it: … --private | sops -e --input-type {given['form']} /dev/stdin > FILE"
    return (sops_file(_variables(opened, given), given["form"]),), (pipe, *_other_half(opened))


def _edit(folder: str, given: dict[str, Any], *, as_json: bool) -> None:
    """Nothing plain is written: the text is decrypted into memory and encrypted from there."""
    from keyturn.deploy.render_kubernetes import kubernetes_entries
    from keyturn.wiring.render import Encrypted, open_view

    if given["out"] is not None or given["private"] or given["sops"]:
        raise UsageError("--edit writes its file and gives nothing else.")
    file: str = given["edit"]
    held = Encrypted(file)
    opened = open_view(change_options(folder, given), _moment(given), held)
    if held.is_object:
        values = dict(kubernetes_entries(opened.view.after, opened.targets))
    else:
        values = {name: one.value for name, one in _variables(opened, given).items()}
    held.put(values)
    _say(opened, (*opened.view.warnings, *_other_half(opened)))
    payload = {"file": file, "names": sorted(values), "steps": list(opened.view.steps)}
    emit(payload, as_json, f"{file}: {', '.join(sorted(values))}")


@_world("kong", "Write the deployment's kong.yml with several API keys accepted at once.")
def _kong(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.migrate.render_kong import kong_file

    del given
    return (kong_file(opened.view.after),), (_KONG_NEXT,)


@_world("envoy", "Write Envoy's listener and routes with several API keys accepted at once.")
def _envoy(opened: Opened, given: dict[str, Any]) -> tuple[Sequence[Rendered], Sequence[str]]:
    from keyturn.migrate.render_envoy import FOLDER, envoy_files

    del given
    return envoy_files(opened.view.after), (_ENVOY_NEXT.format(folder=FOLDER),)
