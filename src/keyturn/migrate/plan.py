"""From edits to a plan: everything that will be done, in order, before anything is done.

How a phase is written
----------------------
A phase is a sequence of :class:`Step`; each must leave a deployment that works, because a failing
probe takes back its own step and no other. The author says *what* (edits), *who notices*
(services), *how long* (waits) and *what proves it* (checks)::

    steps = [
        Step(
            title="Publish the new key",
            edits=(SetVariable("JWT_JWKS", jwks), UncommentSetting("storage", "JWT_JWKS"), …),
            services=(Recreate("rest"), Recreate("realtime", notice="Sockets reconnect once")),
            after=(Check("canary", {"service": "rest"}), Wait(1200, why="JWKS max-age + …")),
        ),
    ]
    prepared = build_plan(source, ask, steps, plan_id=…, title="Phase 1", now=now, style=style)

* Within a step the order is: ``before``, the files (env files, mounted files, compose files), the
  services as listed, ``after``.
* A service that the edits do not touch is left alone, listed or not (unless ``always``); one that
  they touch and that is not listed is recreated last, unless it stands in ``leave``.
* A service is reloaded only while the files that it reads again are all that changes for it;
  otherwise it is created anew.
* ``prepared.plan`` holds no secret and can be written to a file; ``prepared.contents`` (command id
  → new bytes) goes to the journal's folder; ``prepared.diff`` is for people.
* ``flows.apply_plan`` runs it, ``flows.apply_undo`` takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from keyturn.clock import unix
from keyturn.deploy.compose_stack import DEFAULT_NAMES, OVERRIDE_NAMES, stack
from keyturn.deploy.edit import Edit
from keyturn.deploy.files import Files
from keyturn.deploy.opened import raw
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Rewriting, Style, rewrite
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask, Source, join
from keyturn.migrate.commands import (
    Command,
    Probe,
    RecreateService,
    ReloadService,
    Stamp,
    Tell,
    WaitUntil,
    Way,
    WriteFile,
)
from keyturn.migrate.diff import unified, variable_changes
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret

NEW_FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Recreate:
    """Create the service's container anew."""

    service: str
    notice: str = ""
    """What its users notice, as a sentence; empty: nothing."""
    why: str = ""
    always: bool = False
    """Also when the files say nothing new to it."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Tell the service to read ``files`` again, when nothing else of it changes.

    A service whose environment changes as well is created anew: that cannot be told.
    """

    service: str
    way: Way
    argument: tuple[str, ...]
    files: tuple[str, ...]
    """Mounted files, from the deployment's folder."""
    notice: str = ""
    why: str = ""
    always: bool = False
    otherwise: str = ""
    """What its users notice when it is created anew after all."""


@dataclass(frozen=True, slots=True)
class Check:
    """A probe by its name; the prober that is handed to the flow knows how to ask."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on only ``seconds`` after the command before this one was done."""

    seconds: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence for the user."""

    text: str
    why: str = ""


Act = Check | Wait | Say


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that belong together: done together, taken back together."""

    title: str
    why: str = ""
    edits: tuple[Edit, ...] = field(default=(), repr=False)
    services: tuple[Recreate | Reload, ...] = ()
    before: tuple[Act, ...] = ()
    after: tuple[Act, ...] = ()
    leave: frozenset[str] = frozenset()
    """Services that the edits touch and that shall keep their old environment for now."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Commands in order, and the state of the files for which they were made."""

    id: str
    title: str
    created: int
    """Unix seconds."""
    steps: tuple[str, ...]
    """The titles, in order; a command's ``step`` is an index into this."""
    commands: tuple[Command, ...]
    inputs: Mapping[str, str | None]
    """Every file that was read → its SHA-256; None: it was not there."""
    notes: tuple[str, ...] = ()
    verb: str = ""
    """What was asked for: ``phase 1``, ``rotate``, ``publish``, ``revoke KID``, ``fix``."""

    @property
    def writes(self) -> tuple[WriteFile, ...]:
        """Return the commands that change files."""
        return tuple(one for one in self.commands if isinstance(one, WriteFile))

    def command(self, name: str) -> Command:
        """Return the command with this id; raises ``KeyError``."""
        for one in self.commands:
            if one.id == name:
                return one
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with what it must not contain: the new contents, and a diff for people."""

    plan: Plan
    contents: Mapping[str, Secret] = field(repr=False)
    diff: str


class _Builder:
    def __init__(self, source: Source, ask: Ask, style: Style) -> None:
        self.source = source
        self.ask = ask
        self.style = style
        self.commands: list[Command] = []
        self.contents: dict[str, Secret] = {}
        self.notes: list[str] = []
        self.diffs: list[str] = []

    def step(self, number: int, step: Step) -> None:
        for act in step.before:
            self._act(number, act)
        if step.edits:
            self._edits(number, step)
        else:
            self._services(number, step, ())
        for act in step.after:
            self._act(number, act)

    def _id(self, what: str, name: str) -> str:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip(".-")
        return f"{len(self.commands) + 1:02d}-{what}" + (f"-{plain}" if plain else "")

    def _act(self, number: int, act: Act) -> None:
        match act:
            case Check(name=name, arguments=arguments, why=why):
                self.commands.append(
                    Probe(self._id("prove", name), number, name, dict(arguments), why)
                )
            case Wait(seconds=seconds, why=why):
                since = self.commands[-1].id if self.commands else None
                wait = WaitUntil(self._id("wait", ""), number, seconds, since, why)
                self.commands.append(wait)
            case Say(text=text, why=why):
                self.commands.append(Tell(self._id("note", ""), number, text, why))

    def _edits(self, number: int, step: Step) -> None:
        rewriting = rewrite(self.source, self.ask, step.edits, self.style)
        overlay = Overlay(self.source, dict(rewriting.files), dict(rewriting.modes))
        services = tuple(_what_works(one, rewriting.causes) for one in step.services)
        step = replace(step, services=services)
        held = self._held_by_running(services)
        for path, content in rewriting.files.items():
            self._write(number, path, content, rewriting, step.why, in_place=path in held)
        self.notes += rewriting.notes
        self.source = overlay
        self._services(number, step, rewriting.affected)

    def _held_by_running(self, services: Iterable[Recreate | Reload]) -> frozenset[str]:
        """Return the files that are mounted by themselves into containers that run on."""
        there = inventory(self.source, self.ask).services
        return frozenset(
            document.path
            for one in services
            if isinstance(one, Reload) and one.service in there
            for document in there[one.service].documents
            if document.alone and document.path in one.files
        )

    def _write(
        self,
        number: int,
        path: str,
        content: Secret,
        rewriting: Rewriting,
        why: str,
        *,
        in_place: bool,
    ) -> None:
        old = self.source.read(path)
        mode = self.source.mode(path) if old is not None else None
        new_mode = rewriting.modes.get(path, NEW_FILE_MODE if old is None else mode)
        kind = self._kind(path, rewriting)
        before = None if old is None else Secret(old)
        command = WriteFile(
            self._id("write", path.rpartition("/")[2]),
            number,
            path,
            None if old is None else Stamp(digest(old), mode),
            Stamp(digest(raw(content)), new_mode),
            variable_changes(before, content, path) if kind == "env" else (),
            why,
            in_place,
        )
        self.commands.append(command)
        self.contents[command.id] = content
        self.diffs.append(unified(path, before, content, kind=kind))

    def _kind(self, path: str, rewriting: Rewriting) -> str:
        name = path.rpartition("/")[2]
        if path in rewriting.compose_files:
            return "compose"
        is_env = name.startswith(".env") or name.endswith(".env") or path in self.ask.env_files
        return "env" if is_env else "other"

    def _services(self, number: int, step: Step, affected: Sequence[str]) -> None:
        listed = {one.service for one in step.services}
        for one in step.services:
            if one.service in affected or one.always:
                self._service(number, one)
        for name in affected:
            if name not in listed and name not in step.leave:
                self._service(number, Recreate(name, why=step.why))

    def _service(self, number: int, one: Recreate | Reload) -> None:
        match one:
            case Recreate(service=service, notice=notice, why=why):
                name = self._id("recreate", service)
                self.commands.append(RecreateService(name, number, service, notice, why))
            case Reload(service=service, way=way, argument=argument, notice=notice, why=why):
                name = self._id("reload", service)
                self.commands.append(
                    ReloadService(name, number, service, way, tuple(argument), notice, why)
                )


def _what_works(one: Recreate | Reload, causes: Mapping[str, frozenset[str]]) -> Recreate | Reload:
    """Return a recreation where more changes for the service than the files it reads again."""
    if isinstance(one, Recreate) or causes.get(one.service, frozenset()) <= set(one.files):
        return one
    return Recreate(one.service, one.otherwise, one.why, one.always)


def build_plan(
    source: Source,
    ask: Ask,
    steps: Sequence[Step],
    *,
    plan_id: str,
    title: str,
    now: datetime,
    style: Style | None = None,
    verb: str = "",
) -> Prepared:
    """Return the plan for ``steps``; ``plan_id`` is a fresh name, safe in a path.

    Raises :class:`~keyturn.deploy.rewrite_errors.CannotRewrite` when an edit cannot be made safely,
    :class:`~keyturn.deploy.place.Unreadable` when the deployment cannot be read.
    """
    read: dict[str, str | None] = {one.path: one.sha256 for one in inventory(source, ask).files}
    read |= dict.fromkeys(_not_there(source, ask))
    builder = _Builder(source, ask, style or Style())
    for number, step in enumerate(steps):
        builder.step(number, step)
    plan = Plan(
        plan_id,
        title,
        unix(now),
        tuple(one.title for one in steps),
        tuple(builder.commands),
        read,
        tuple(dict.fromkeys(builder.notes)),
        verb,
    )
    return Prepared(_with_absent(plan), builder.contents, "\n".join(builder.diffs))


def _not_there(source: Source, ask: Ask) -> list[str]:
    """Return the files that Compose would take as well if somebody made them in the meantime."""
    found = stack(Files(source), ask)
    told = ask.files or found.variables.lookup("COMPOSE_FILE")
    names = () if told else (*DEFAULT_NAMES, *OVERRIDE_NAMES)
    env = () if ask.env_files else (".env",)
    paths = [join(found.folder, name) for name in (*names, *env)]
    return [path for path in paths if not source.exists(path)]


def _with_absent(plan: Plan) -> Plan:
    """Return the plan with the first state of every file that it writes among its inputs."""
    inputs = dict(plan.inputs)
    for one in plan.writes:
        inputs.setdefault(one.path, one.before.sha256 if one.before else None)
    return replace(plan, inputs=inputs)
