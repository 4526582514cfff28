"""What ``keyturn doctor`` needs from the machine: the folder, the environment, and the lookers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.system import entropy, now
from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.source import Ask, Source
from keyturn.errors import UsageError
from keyturn.flows import doctor as flow
from keyturn.secret import Secret
from keyturn.wiring.deployment_folder import deployment_of

if TYPE_CHECKING:
    from keyturn.doctor.canaries import Canaries
    from keyturn.doctor.facts import DatabaseFacts, LogFacts, ProbeFacts, Unknown
    from keyturn.doctor.report import Report
    from keyturn.doctor.why import Why
    from keyturn.flows.doctor_fix import Applier, Fixes

DATABASE_VARIABLE: Final = "KEYTURN_DOCTOR_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What the command line says about what to look at."""

    folder: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    probe: str | None = None
    probe_service_role: bool = False
    direct: Mapping[Kind, str] = field(default_factory=dict)
    """Addresses of services to ask past the gateway as well."""
    proxy: bool = False
    database: Secret | None = None
    access_log: str | None = None
    with_matrix: bool = True

    def files_only(self) -> DoctorOptions:
        """Return the same folder without a look at what runs."""
        return replace(self, probe=None, direct={}, database=None, access_log=None)


def run_diagnosis(options: DoctorOptions, source: Source | None = None) -> flow.Examined:
    """Examine the deployment; raises ``Unreadable`` and ``UsageError``.

    ``source`` reads its files; default: the folder of ``options``.
    """
    folder, ask = _deployment(options)
    looks = flow.Looks(_probe(options), _database(options), _logs(options))
    wish, read = flow.Wish(options.with_matrix, options.probe_service_role), source or folder
    return asyncio.run(flow.diagnose(read, ask, looks, wish, now=now(), randomness=entropy))


def run_explanation(
    options: DoctorOptions, token: str, services: Sequence[Kind] = VERIFIERS
) -> tuple[Inventory, Why]:
    """Follow one credential; raises ``NotACredential``, ``Unreadable`` and ``UsageError``."""
    source, ask = _deployment(options)
    return asyncio.run(flow.explain(source, ask, token, services, now=now()))


def run_fix(report: Report, options: DoctorOptions, runner: str | None = None) -> Fixes:
    """Make the safe changes of ``report`` and tell the services by ``runner``; None: only list."""
    from keyturn.flows.doctor_fix import fix

    return asyncio.run(fix(report, _applier(options, runner) if runner else None))


def _applier(options: DoctorOptions, runner: str) -> Applier:
    from keyturn.wiring.change import ChangeOptions
    from keyturn.wiring.fixes import Fixer

    return Fixer(
        ChangeOptions(
            options.folder,
            options.files,
            options.env_files,
            options.profiles,
            runner=runner,
            no_probe=True,
        )
    )


def database_url(
    given: str | None, file_content: Secret | None, environment: Mapping[str, str] | None = None
) -> Secret | None:
    """Return the database's address: from the file, the command line, or the environment.

    Raises ``UsageError`` for a password on the command line, where other users can read it.
    """
    if file_content is not None:
        return file_content
    if given is not None:
        if _holds_password(given):
            raise UsageError(
                "The database URL on the command line holds a password, which others can read.",
                hint=f"Put the URL into {DATABASE_VARIABLE}, or into a file for "
                "--database-url-file F (- reads standard input).",
            )
        return Secret(given)
    held = (os.environ if environment is None else environment).get(DATABASE_VARIABLE)
    return Secret(held) if held else None


def _holds_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password=" in url.lower()
    except ValueError:
        return True


def _deployment(options: DoctorOptions) -> tuple[FolderSource, Ask]:
    path, ask = deployment_of(options.folder, options.files, options.env_files, options.profiles)
    return FolderSource(path), ask


def _probe(
    options: DoctorOptions,
) -> Callable[[Inventory, Canaries], Awaitable[ProbeFacts | Unknown]] | None:
    url = options.probe
    if url is None:
        return None
    from keyturn.adapters.probe import probe
    from keyturn.flows.ports.doctor import Limits

    limits = Limits(
        direct=options.direct,
        include_service_role=options.probe_service_role,
        proxy=_proxy(url) if options.proxy else None,
    )
    return lambda _, held: probe(url, held, limits)


def _proxy(url: str) -> str | None:
    from urllib.request import getproxies

    return getproxies().get(urlsplit(url).scheme)


def _database(options: DoctorOptions) -> Callable[[], Awaitable[DatabaseFacts | Unknown]] | None:
    address = options.database
    if address is None:
        return None
    from keyturn.adapters.doctor_database import look

    return lambda: look(address)


def _logs(options: DoctorOptions) -> Callable[[], Awaitable[LogFacts | Unknown]] | None:
    path = options.access_log
    if path is None:
        return None
    from keyturn.adapters import access_log

    if path != "-" and not os.access(path, os.R_OK):
        raise UsageError(f"--access-log {path} cannot be read.")
    return lambda: asyncio.to_thread(access_log.read, path)
