"""What a gate may be decided on: the journal, an access log, the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from keyturn.doctor.facts import DatabaseFacts, LogFacts, Unknown
from keyturn.flows.migrate import Evidence
from keyturn.migrate.run import Run
from keyturn.secret import Secret


def gather(
    runs: Sequence[Run], access_log: str | None = None, database_file: str | None = None
) -> Evidence:
    """Return everything that was asked for; what was not is unknown."""
    logs: LogFacts | Unknown = Unknown("no access log was given")
    database: DatabaseFacts | Unknown = Unknown("the database was not looked at")
    if access_log is not None:
        from keyturn.adapters.access_log import read

        logs = read(access_log)
    if database_file is not None:
        from pathlib import Path

        from keyturn.adapters.doctor_database import look

        address = Secret(Path(database_file).read_bytes().strip())
        database = asyncio.run(look(address))
    return Evidence(runs, logs, database)
