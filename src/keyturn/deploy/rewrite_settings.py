"""Which of a deployment's compose files a setting is written to, and how.

In override style (Compose found the files by their names, so it will find the override too) the
user's compose file stays untouched. With ``-f`` or ``COMPOSE_FILE``, with ``in_place``, or for what
no override can say, the last file that decides about the setting is patched.
"""

from __future__ import annotations

from keyturn.deploy.compose_stack import stack
from keyturn.deploy.dotenv import parse
from keyturn.deploy.edit import SetSetting
from keyturn.deploy.files import Files
from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_block import names_service
from keyturn.deploy.rewrite_compose import (
    active_template,
    carries_commented,
    commented_template,
    healthcheck_test,
    remove_setting,
    set_healthcheck,
    set_setting,
    uncomment_setting,
)
from keyturn.deploy.rewrite_dialect import Dialect, flat, is_trap
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.rewrite_override import (
    new_override,
    override_healthcheck,
    override_name,
    override_setting,
)
from keyturn.deploy.rewrite_text import BOM, decode
from keyturn.deploy.source import Ask, join

_TOLD = (
    "Compose is told which files to load (-f or COMPOSE_FILE), so it would not see an override"
    " file: {file} itself is changed."
)


class SettingsWriter:
    """Changes settings in the overlay's compose files."""

    def __init__(self, overlay: Overlay, ask: Ask, *, in_place: bool, dialect: Dialect) -> None:
        self.overlay = overlay
        self.ask = ask
        self.dialect = dialect
        self.notes: list[str] = []
        self.flattened: list[SetSetting] = []
        found = stack(Files(overlay), ask)
        self._variables = found.variables
        self._folder = found.folder
        self.compose_files = list(found.files)
        told = bool(ask.files or found.variables.lookup("COMPOSE_FILE"))
        self.override = None if in_place or told else self._override()
        self._told = told and not in_place
        default = join(found.folder, ".env")
        self.env_files = list(ask.env_files or (default,))

    def _override(self) -> str:
        if len(self.compose_files) == 1:
            self.compose_files.append(override_name(self.compose_files[0]))
        return self.compose_files[-1]

    def env_file(self, file: str, name: str) -> str:
        """Return the env file to change for ``.env``: with ``--env-file``, the one that decides."""
        if file != ".env":
            return file
        for path in reversed(self.env_files):
            text = decode(self.overlay.read(path) or b"")
            if any(one.name == name for one in parse(path, text, lambda _: None)):
                return path
        return self.env_files[-1]

    def give(self, service: str, name: str, template: str) -> None:
        """Give ``service`` the setting, in a text that the dialect's reader understands."""
        template = self._understood(service, name, template)
        if self.override is not None:
            if self._stands(service, name, template):
                return
            content = self._override_content()
            written = override_setting(content, self.override, service, name, template)
            self.overlay.put(self.override, written)
            return
        file = self._file_for(service, name)
        self._say_in_place(file)
        self.overlay.put(file, set_setting(self._read(file), file, service, name, template))

    def uncomment(self, service: str, name: str) -> None:
        """Make the commented-out setting active: in its file, or by the override."""
        file = self._file_for(service, name)
        if self._active(file, service, name) is not None:
            return
        template = commented_template(self._read(file), file, service, name)
        if self.override is not None or self._understood(service, name, template) != template:
            self.give(service, name, template)
            return
        self._say_in_place(file)
        self.overlay.put(file, uncomment_setting(self._read(file), file, service, name))

    def remove(self, service: str, name: str) -> None:
        """Take the setting from every file: an override has no portable way to say "not"."""
        for file in self._files_of(service):
            if self._active(file, service, name) is None:
                continue
            if self.override not in (None, file):
                self.notes.append(f"An override file cannot take {name} away: {file} is changed.")
            self.overlay.put(file, remove_setting(self._read(file), file, service, name))

    def healthcheck(self, service: str, old: str, new: str) -> None:
        """Write ``new`` for ``old`` in the healthcheck: in its file, or over it."""
        files = [
            file
            for file in self._files_of(service)
            if healthcheck_test(self._read(file), file, service)
        ]
        if not files:
            raise self._nowhere(service, "the healthcheck")
        file = files[-1]
        changed = set_healthcheck(self._read(file), file, service, old, new)
        if self.override in (None, file) or not self.dialect.replaces_lists:
            self._say_in_place(file)
            self.overlay.put(file, changed)
            return
        test = healthcheck_test(changed, file, service) or ""
        content = self._override_content()
        written = override_healthcheck(content, self.override or file, service, test, file)
        self.overlay.put(self.override or file, written)

    def _understood(self, service: str, name: str, template: str) -> str:
        if self.dialect.nests or not is_trap(template):
            return template
        found = flat(template, self._is_set)
        if found is None:
            raise CannotRewrite(
                Place(self._file_for(service, name), 1),
                f"{name} of {service} nests braces, which {self.dialect.value} misreads.",
                hint="Set its variable in .env, or write the text without a default.",
            )
        self.flattened.append(SetSetting(service, name, found))
        return found

    def _is_set(self, name: str) -> bool:
        value = self.ask.environment.get(name)
        for path in self.env_files:
            text = decode(self.overlay.read(path) or b"")
            for one in parse(path, text, self.ask.environment.get):
                value = one.value if one.name == name else value
        return bool(value)

    def _files_of(self, service: str) -> list[str]:
        return [
            file
            for file in self.compose_files
            if self.overlay.exists(file)
            and names_service(decode(self._read(file)).removeprefix(BOM), file, service)
        ]

    def _file_for(self, service: str, name: str) -> str:
        files = self._files_of(service)
        if not files:
            raise self._nowhere(service, name)
        active = [file for file in files if self._active(file, service, name) is not None]
        if active:
            return active[-1]
        carrying = [
            file for file in files if carries_commented(self._read(file), file, service, name)
        ]
        return (carrying or files)[-1]

    def _stands(self, service: str, name: str, template: str) -> bool:
        try:
            return self._active(self._file_for(service, name), service, name) == template
        except CannotRewrite:
            # Not a block that can be patched; an override can lie over it all the same.
            if not self._files_of(service):
                raise
            return False

    def _active(self, file: str, service: str, name: str) -> str | None:
        return active_template(self._read(file), file, service, name)

    def _nowhere(self, service: str, what: str) -> CannotRewrite:
        return CannotRewrite(
            Place(self.compose_files[0], 1),
            f"{service} is not defined in the compose files themselves, so {what} cannot be set.",
            hint="It comes from an include or another project: run Keyturn where it is defined.",
        )

    def _read(self, file: str) -> bytes:
        return self.overlay.read(file) or b""

    def _override_content(self) -> bytes:
        content = self.overlay.read(self.override or "")
        return new_override(self.compose_files[0]) if content is None else content

    def _say_in_place(self, file: str) -> None:
        if self._told:
            self.notes.append(_TOLD.format(file=file))
