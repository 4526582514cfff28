"""The folder that Auth watches: ``auth --config-dir DIR`` lays its ``*.env`` files over everything.

GoTrue reads them at its start and whenever one of them changes, in the order of their names, each
over the environment and over those before it (auth 2.196.0 ``internal/conf/confload/loader.go``,
``internal/reloader``; godotenv's ``Overload``).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from keyturn.deploy import dotenv
from keyturn.deploy.inventory import Document
from keyturn.deploy.names import speakable
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Origin, Setting
from keyturn.secret import Secret

_FLAGS = ("-d", "--config-dir")


def watched_folder(command: Setting | None) -> str | None:
    """Return the folder in the container that a command line names, None when it names none."""
    words = (text(command) or "").split()
    for number, word in enumerate(words):
        flag, equals, value = word.partition("=")
        found = value if equals else "".join(words[number + 1 : number + 2])
        if flag in _FLAGS and found:
            return posixpath.normpath(found)
    return None


def watched_files(folder: str | None, documents: Iterable[Document]) -> tuple[Document, ...]:
    """Return the mounted files that Auth reads there, in its order."""
    found = (
        one
        for one in documents
        if one.target.endswith(".env") and posixpath.dirname(one.target) == folder
    )
    return tuple(sorted(found, key=lambda one: one.target))


def with_watched(
    settings: Mapping[str, Setting], folder: str | None, documents: Iterable[Document]
) -> Mapping[str, Setting]:
    """Return the settings as Auth holds them; raises :class:`Unreadable` for a broken file."""
    found = dict(settings)
    for one in watched_files(folder, documents):
        values = {name: text(setting) for name, setting in found.items()}
        for defined in dotenv.parse(one.path, one.text or "", values.get):
            if speakable(defined.name):
                value = Secret(defined.value.encode("utf-8", "surrogateescape"))
                found[defined.name] = Setting(
                    defined.name, value, defined.place, None, Origin.WATCHED
                )
    return found
