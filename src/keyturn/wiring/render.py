"""A deployment opened to be rendered: its files, the state that is asked for, and the evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.sops import Sops
from keyturn.clock import unix
from keyturn.deploy import render_sops
from keyturn.deploy.inventory import Layout
from keyturn.deploy.render_as_compose import FILE, as_compose
from keyturn.deploy.render_file import CannotRender
from keyturn.deploy.render_kubernetes import Target, compose_targets
from keyturn.deploy.render_workloads import workload_targets
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.deploy.source import Ask
from keyturn.errors import Conflict, UsageError
from keyturn.flows.change import Deployment
from keyturn.flows.migrate import Wish, plan_migration
from keyturn.flows.render import View, as_it_stands, as_it_would_be, testimony, with_committed_keys
from keyturn.flows.render_outranked import cleared, outranked
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.secret import Secret
from keyturn.wiring.change import ChangeOptions, Workshop
from keyturn.wiring.evidence import gather


@dataclass(frozen=True, slots=True)
class Moment:
    """Which state of the deployment is rendered."""

    wish: Wish | None = None
    """A phase of the migration."""
    turn: TurnWish | None = None
    """The next rotation; neither: what stands there now."""
    steps: int | None = None
    deployed_at: int | None = None
    """Unix seconds since when the files given are running, as the user says."""
    access_log: str | None = None
    database_file: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What is rendered, and how its objects are named where it is a Kubernetes export."""

    view: View
    targets: tuple[Target, ...]
    exported: bool
    """It was read from Kubernetes objects, so it has no compose files."""


def open_view(options: ChangeOptions, moment: Moment, encrypted: Encrypted | None = None) -> Opened:
    """Read the deployment and plan what is asked for; raises what `migrate` and `rotate` raise.

    ``encrypted`` is read as one of the deployment's files, in memory.
    """
    workshop = Workshop(options)
    deployment = workshop.deployment()
    if encrypted is not None:
        deployment = encrypted.laid_over(deployment, workshop.folder)
    targets: tuple[Target, ...] | None = None
    stronger = tuple(outranked(deployment.inventory))
    if deployment.inventory.layout is Layout.KUBERNETES:
        deployment, targets = _from_objects(deployment)
    view = _view(deployment, workshop, moment)
    view = replace(view, warnings=(*stronger, *view.warnings))
    return Opened(view, targets or compose_targets(view.after), targets is not None)


def _from_objects(deployment: Deployment) -> tuple[Deployment, tuple[Target, ...]]:
    named = workload_targets(deployment.source, deployment.ask)
    made = as_compose(deployment.inventory)
    targets = tuple(
        replace(target, service=made.names[name])
        for name, target in named.items()
        if name in made.names
    )
    ask = Ask(files=(FILE,))
    return replace(deployment, source=made.source, ask=ask, style=Style(in_place=True)), targets


def _view(given: Deployment, workshop: Workshop, moment: Moment) -> View:
    decided = cleared(given)
    deployment = decided.deployment
    if moment.wish is None and moment.turn is None:
        view = as_it_stands(deployment)
        return replace(view, before=given.inventory, original=decided.original)
    runs = workshop.runs
    if moment.deployed_at is not None:
        if moment.deployed_at > unix(deployment.now):
            raise UsageError("--deployed-at lies in the future.")
        runs = (*runs, testimony(deployment.inventory, moment.deployed_at))
    evidence = gather(runs, moment.access_log, moment.database_file)
    planned = replace(with_committed_keys(deployment), writes_mounted=False)
    if moment.wish is not None:
        proposal = plan_migration(planned, moment.wish, evidence)
    else:
        proposal = plan_rotation(planned, moment.turn or TurnWish(), evidence)
    view = as_it_would_be(planned, proposal, moment.steps)
    return replace(view, before=given.inventory, original=decided.original)


class Encrypted:
    """A file that sops keeps encrypted; its plain text is only ever in memory and in pipes."""

    def __init__(self, file: str) -> None:
        """Open it.

        Raises ``Unreachable`` without a ``sops`` and ``SopsFailed`` when that cannot open it.
        """
        self.path = Path(file)
        self.form = render_sops.form_of(file)
        self._sops = Sops()
        try:
            self._content = self.path.read_bytes()
        except OSError as problem:
            raise UsageError(f"{file} cannot be read: {problem.strerror}") from None
        self._plain = self._sops.decrypt(self._content, file, self.form)

    @property
    def is_object(self) -> bool:
        """Whether it is a Kubernetes Secret."""
        return self.form == "yaml" and render_sops.is_object(self._plain)

    def laid_over(self, deployment: Deployment, folder: Path) -> Deployment:
        """Return the deployment as if the file lay there decrypted."""
        name = Path(os.path.relpath(self.path, folder)).as_posix()
        files, env = {name: self._plain}, name if self.form == "dotenv" else None
        values = render_sops.as_dotenv(self._plain) if self.form == "yaml" else None
        if values is not None:
            env = f"{name}.env"
            files[env] = values
        source, ask = Overlay(deployment.source, files), deployment.ask
        given = ask.env_files or ((".env",) if deployment.source.exists(".env") else ())
        if env is not None and env not in given:
            ask = replace(ask, env_files=(*given, env))
        return replace(deployment, source=source, ask=ask)

    def put(self, values: Mapping[str, Secret]) -> None:
        """Write the file anew with ``values`` in it.

        Raises ``Conflict`` when somebody changed it meanwhile, and ``CannotRender`` rather than
        let anybody lose the right to open it.
        """
        file, writer = str(self.path), DeploymentWriter(self.path.parent)
        writer.check_writable(self.path.name)
        wanted = render_sops.edited(self._plain, values, self.form, file)
        closed = self._sops.encrypt(wanted, file, self.form)
        if render_sops.recipients(closed) != render_sops.recipients(self._content):
            raise CannotRender(
                f"The creation rules for {file} name other recipients than the file has.",
                hint="Bring them together first (.sops.yaml, or `sops updatekeys`).",
            )
        back = self._sops.decrypt(closed, file, self.form)
        if not render_sops.same_values(back, wanted, self.form):
            raise CannotRender(f"{file} would not be read back as it was meant.")
        if self.path.read_bytes() != self._content:
            raise Conflict(f"{file} was changed meanwhile; nothing was written.")
        writer.write(self.path.name, Secret(closed), None)
