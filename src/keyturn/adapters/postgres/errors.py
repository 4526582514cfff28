"""What can go wrong with the database itself, as opposed to a statement."""

from __future__ import annotations

from keyturn.errors import Conflict, KeyturnError, RefusedUnsafe, Unreachable


class DatabaseUnreachable(Unreachable):
    """The database could not be reached, or the connection broke."""

    code = "database_unreachable"
    default_hint = "Is PostgreSQL running? Its own log says why when it is not."


class ClusterInUse(Conflict):
    """Another process owns this embedded database."""

    code = "cluster_in_use"


class ClusterBroken(KeyturnError):
    """The embedded database could not be prepared or started."""

    code = "cluster_broken"


class BinariesMissing(ClusterBroken):
    """No PostgreSQL binaries were found."""

    code = "postgres_binaries_missing"
    default_hint = (
        "Install keyturn[local], or bring a database: KEYTURN_DATABASE_URL or --database-url-file."
    )


class NoPlaceForUser(RefusedUnsafe):
    """PostgreSQL refuses to run as root, and no folder is open to an unprivileged user."""

    code = "no_place_for_database_user"


class MigrationChanged(Conflict):
    """A migration that this database has already run reads differently now."""

    code = "migration_changed"
    default_hint = "Restore the file as it was released, and put the change into a new migration."


class MigrationRefused(RefusedUnsafe):
    """The connected role may not create what Keyturn needs."""

    code = "migration_refused"


class AuthSchemaTooOld(RefusedUnsafe):
    """The auth schema of this database lacks columns that Keyturn needs."""

    code = "auth_schema_too_old"
    default_hint = "Start a current GoTrue on this database once: it brings its own schema up."
