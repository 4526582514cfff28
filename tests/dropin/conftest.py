"""The server fixtures of tests/authserver, for databases that a GoTrue made."""

from tests.authserver.conftest import environment, open_server, serve, service_role, unused_port

__all__ = ["environment", "open_server", "serve", "service_role", "unused_port"]
