"""A compose override file: what the services must be given beyond the user's own compose file.

It holds references (``${JWT_JWKS}``) and no value, so it may be committed as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

from keyturn.deploy.compose_stack import stack
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.read import inventory
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.deploy.rewrite_block import names_service
from keyturn.deploy.rewrite_compose import active_template, healthcheck_test
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.rewrite_text import BOM, decode
from keyturn.deploy.setting import Setting
from keyturn.deploy.source import Ask, Source

NAME = "keyturn.override.yml"
_HEAD = "# Rendered by keyturn. Lay it over {files}: docker compose {options} up -d\n"


@dataclass(frozen=True, slots=True)
class Change:
    """One setting of one service; ``template`` None: the service no longer gets it."""

    service: str
    name: str
    template: str | None


def setting_changes(before: Inventory, after: Inventory, source: Source, ask: Ask) -> list[Change]:
    """Return what the compose files say otherwise; ``source`` holds those of ``after``."""
    texts = _Texts(source, ask)
    return [
        Change(name, setting, texts.template(name, setting) if given else None)
        for name, service in after.services.items()
        for setting, given in _differing(before.services.get(name), service)
    ]


def override_file(
    before: Inventory, after: Inventory, original: Source, source: Source, ask: Ask
) -> Rendered | None:
    """Return the override that turns ``before`` into ``after``; None: the files say it all.

    ``original`` are the user's files, ``source`` those that say ``after``.

    Raises :class:`CannotRender` when a setting stands where no override reaches.
    """
    texts = _Texts(source, ask)
    blocks: dict[str, list[str]] = {}
    for change in setting_changes(before, after, source, ask):
        said = "!reset null" if change.template is None else json.dumps(change.template)
        lines = blocks.setdefault(change.service, ["    environment:"])
        lines.append(f"      {change.name}: {said}")
    for name, service in after.services.items():
        if _template(service.healthcheck) != _template(before.services[name].healthcheck):
            test = json.dumps(texts.healthcheck(name), ensure_ascii=False)
            blocks.setdefault(name, []).extend(("    healthcheck:", f"      test: {test}"))
    if not blocks:
        return None
    files = stack(Files(original), ask).files
    name = free_name(files)
    options = " ".join(f"-f {file}" for file in (*files, name))
    content = _HEAD.format(files=", ".join(files), options=options) + "services:\n"
    for service_name, lines in blocks.items():
        content += "\n".join((f"  {service_name}:", *lines)) + "\n"
    return rendered(name, content, private=False)


def free_name(files: Sequence[str]) -> str:
    """Return a name that none of the deployment's files has: an earlier commit stays in force."""
    numbered = (f"keyturn-{number}.override.yml" for number in count(2))
    return next(name for name in chain((NAME,), numbered) if name not in files)


def check_override(
    original: Source, ask: Ask, override: Rendered | None, env: Rendered, after: Inventory
) -> None:
    """Raise :class:`CannotRender` unless the user's files with both rendered ones say ``after``."""
    name = free_name(stack(Files(original), ask).files)
    blank = rendered(name, "services: {}\n", private=False)
    found = laid_over(original, ask, override or blank, env)
    for name, service in after.services.items():
        other = found.services.get(name)
        for setting in {*service.settings, *(other.settings if other else ())}:
            if other is None or other.value(setting) != service.value(setting):
                raise CannotRender(
                    f"{setting} of {name} would not be what it should be with the override.",
                    hint="Another compose file decides about it: name all files with -f.",
                )


def laid_over(source: Source, ask: Ask, override: Rendered, env: Rendered | None) -> Inventory:
    """Return what Compose would make of ``source`` with the two rendered files over it."""
    files = {override.name: override.content}
    env_files = ask.env_files
    if env is not None:
        files[env.name] = env.content
        env_files = (*(env_files or ((".env",) if source.exists(".env") else ())), env.name)
    base = ask.files or stack(Files(source), ask).files
    asked = Ask(
        files=(*base, override.name),
        env_files=env_files,
        environment=ask.environment,
        project_directory=ask.project_directory,
        profiles=ask.profiles,
    )
    return inventory(Overlay(source, files), asked)


def _differing(before: Service | None, after: Service) -> Iterator[tuple[str, bool]]:
    old = before.settings if before is not None else {}
    for name, setting in after.settings.items():
        if name not in old or old[name].template != setting.template:
            yield name, True
    for name in old:
        if name not in after.settings:
            yield name, False


def _template(setting: Setting | None) -> str | None:
    return None if setting is None else setting.template


class _Texts:
    """What stands in the compose files, unshortened."""

    def __init__(self, source: Source, ask: Ask) -> None:
        self._source = source
        self._files = tuple(stack(Files(source), ask).files)

    def template(self, service: str, name: str) -> str:
        for file, content in self._of(service):
            found = active_template(content, file, service, name)
            if found is not None:
                return found
        raise CannotRender(
            f"{name} of {service} stands in no compose file of this folder.",
            hint="It comes from an include or an env_file: give it there.",
        )

    def healthcheck(self, service: str) -> list[str] | str:
        found = (healthcheck_test(content, file, service) for file, content in self._of(service))
        return next((one for one in found if one), "NONE")

    def _of(self, service: str) -> Iterator[tuple[str, bytes]]:
        for file in reversed(self._files):
            content = self._source.read(file) or b""
            if names_service(decode(content).removeprefix(BOM), file, service):
                yield file, content
