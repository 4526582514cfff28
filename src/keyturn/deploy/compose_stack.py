"""Which files Compose would take: env files first, because they can name the compose files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy import dotenv
from keyturn.deploy.files import Files
from keyturn.deploy.inventory import Note
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.setting import CommentedOut
from keyturn.deploy.source import Ask, folder_of, join
from keyturn.deploy.variables import Variables

DEFAULT_NAMES: Final = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
)
OVERRIDE_NAMES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
LEFT_BEHIND: Final = (".env.old", ".env.orig", ".env.save", ".env~")
"""What editors and ``sed -i.old`` leave beside ``.env``; a name with ``bak`` counts too."""
_TRUE: Final = ("1", "t", "T", "true", "True", "TRUE")


@dataclass(slots=True)
class Stack:
    """The compose files in the order in which they are laid over each other."""

    files: tuple[str, ...]
    folder: str
    """The project directory: paths in the files count from here."""
    variables: Variables
    commented: dict[str, CommentedOut] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def profiles(self) -> frozenset[str]:
        """Return the profiles that ``COMPOSE_PROFILES`` switches on."""
        listed = self.variables.lookup("COMPOSE_PROFILES") or ""
        return frozenset(one.strip() for one in listed.split(",") if one.strip())


def stack(files: Files, ask: Ask) -> Stack:
    """Return the files that Compose would take in this folder, asked so.

    Raises :class:`Unreadable` when there are none, or one that was named is not there.
    """
    folder = ask.project_directory or (folder_of(ask.files[0]) if ask.files else "")
    found = Stack((), join("", folder), Variables(ask.environment))
    _read_env_files(found, files, ask)
    found.notes += _left_behind(found.folder, files)
    asked = tuple(join("", one) for one in ask.files)
    found.files = asked or _named_in_environment(found) or _default(found, files)
    if ask.files == () and ask.project_directory is None:
        found.folder = folder_of(found.files[0])
    for path in found.files:
        if not files.exists(path):
            raise Unreadable(Place(path, 1), "there is no such compose file", whole=True)
    return found


def _read_env_files(found: Stack, files: Files, ask: Ask) -> None:
    disabled = ask.environment.get("COMPOSE_DISABLE_ENV_FILE") in _TRUE
    listed = ask.environment.get("COMPOSE_ENV_FILES", "")
    named = ask.env_files or tuple(one.strip() for one in listed.split(",") if one.strip())
    default = join(found.folder, ".env")
    for path in named or (() if disabled else (default,)):
        text = files.text(path)
        if text is not None:
            earlier = {name: one.value for name, one in found.variables.defined.items()}
            found.variables.add(dotenv.parse(path, text, ask.environment.get, earlier))
            found.commented.update(dotenv.commented(path, text))
        elif named:
            raise Unreadable(Place(path, 1), "there is no such env file", whole=True)
    if not named and not disabled and files.text(default) is None:
        found.notes.append(_without_env(found.folder, files))


def _left_behind(folder: str, files: Files) -> list[Note]:
    return [
        Note(
            "left_behind",
            f"{join(folder, name)} is an old copy of .env, with the secrets of its time.",
            Place(join(folder, name), 1),
        )
        for name in files.names(folder)
        if name in LEFT_BEHIND or (name.startswith(".env.") and "bak" in name)
    ]


def _without_env(folder: str, files: Files) -> Note:
    example = join(folder, ".env.example")
    if files.exists(example):
        return Note(
            "no_env_file",
            f"there is no .env, only {example}, which Compose does not read;"
            f" to look at it, say --env-file {example}",
        )
    return Note("no_env_file", "there is no .env; every variable comes from the environment")


def _named_in_environment(found: Stack) -> tuple[str, ...]:
    listed = found.variables.lookup("COMPOSE_FILE")
    if not listed:
        return ()
    separator = found.variables.lookup("COMPOSE_PATH_SEPARATOR") or ":"
    return tuple(join(found.folder, one) for one in listed.split(separator) if one)


def _default(found: Stack, files: Files) -> tuple[str, ...]:
    def there(names: tuple[str, ...]) -> list[str]:
        return [join(found.folder, one) for one in names if files.exists(join(found.folder, one))]

    winners, overrides = there(DEFAULT_NAMES), there(OVERRIDE_NAMES)
    if not winners:
        place = Place(join(found.folder, DEFAULT_NAMES[0]), 1)
        hint = f"Compose looks for {', '.join(DEFAULT_NAMES)}; name others with --file."
        raise Unreadable(place, "there is no compose file in this folder", hint=hint, whole=True)
    for chosen in (winners, overrides):
        if len(chosen) > 1:
            message = f"Compose takes {chosen[0]} and not {', '.join(chosen[1:])}"
            found.notes.append(Note("not_reached", message, Place(chosen[1], 1)))
    return (winners[0], *overrides[:1])
