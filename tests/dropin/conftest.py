"""The server fixtures of tests/authserver, for databases that a GoTrue made."""

from tests.authserver.conftest import environment, open_server, serve, service_role

__all__ = ["environment", "open_server", "serve", "service_role"]
