"""The server fixtures of tests/authserver, for databases that a GoTrue made."""

from tests.authserver.conftest import environment, open_server, serve, service_role, unused_port
from tests.authserver.external.test_oidc_provider import provider

__all__ = ["environment", "open_server", "provider", "serve", "service_role", "unused_port"]
