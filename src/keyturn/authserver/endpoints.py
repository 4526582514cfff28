"""The table of everything that this server answers."""

from __future__ import annotations

from collections.abc import Iterator

from keyturn.authserver.about import About
from keyturn.authserver.absent import ABSENT, Absent
from keyturn.authserver.admin import AdminUsers
from keyturn.authserver.admin_factors import AdminFactors
from keyturn.authserver.admin_sessions import AdminSessions
from keyturn.authserver.contract import declares
from keyturn.authserver.custom_providers import CustomProviders
from keyturn.authserver.document import PATH as DOCUMENT_PATH
from keyturn.authserver.document import Described
from keyturn.authserver.exchange import Exchange, Handler, Reply
from keyturn.authserver.external import External
from keyturn.authserver.factors import Factors
from keyturn.authserver.guards import Guards
from keyturn.authserver.health import Health
from keyturn.authserver.oauth import OAuthServer
from keyturn.authserver.oauth_clients import OAuthClients
from keyturn.authserver.one_time import OneTime
from keyturn.authserver.passkeys import Passkeys
from keyturn.authserver.published import (
    DISCOVERY_PATH,
    JWKS_PATH,
    OAUTH_METADATA_PATH,
    Published,
)
from keyturn.authserver.reporting import Metrics
from keyturn.authserver.routes import Endpoint, Routes
from keyturn.authserver.tokens import Tokens
from keyturn.authserver.users import AUTHORIZATION, Users
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import AuthPlane


def auth_routes(
    plane: AuthPlane, published: Published, health: Health, metrics: Metrics | None
) -> Routes:
    """Return the routes of the Auth server."""
    present = [
        *_present(plane, published, health, metrics),
        *_factors(plane),
        *_oauth(plane),
        *_external(plane),
        *_one_time(plane),
        *_oversight(plane),
        *_passkeys(plane),
    ]
    described = Described()
    present.append(Endpoint("GET", DOCUMENT_PATH, described.document, head=True))
    routes = Routes([*Guards(plane).before(present), *_absent(plane)])
    described.endpoints = routes.endpoints
    return routes


def _present(
    plane: AuthPlane, published: Published, health: Health, metrics: Metrics | None
) -> list[Endpoint]:
    """Return what this server does; ``docs/reference/auth-api.md`` names each."""
    tokens, users, admin = Tokens(plane, metrics), Users(plane), AdminUsers(plane)
    about = About(plane.settings)
    one_user = "/admin/users/{user_id}"
    return [
        Endpoint("POST", "/token", tokens.token, hot=True),
        Endpoint("GET", "/user", users.get, hot=True),
        Endpoint("GET", JWKS_PATH, published.jwks, hot=True, head=True),
        Endpoint("GET", "/health", health.about, hot=True, head=True),
        Endpoint("GET", "/health/live", health.live, hot=True, head=True),
        Endpoint("GET", "/health/ready", health.ready, hot=True, head=True),
        Endpoint("GET", DISCOVERY_PATH, published.discovery, head=True),
        Endpoint("GET", OAUTH_METADATA_PATH, published.oauth_metadata, head=True),
        Endpoint("GET", "/settings", about.settings, head=True),
        Endpoint("POST", "/signup", users.sign_up),
        Endpoint("PUT", "/user", users.update),
        Endpoint("POST", "/logout", users.sign_out),
        Endpoint("POST", "/admin/users", admin.create),
        Endpoint("GET", "/admin/users", admin.list),
        Endpoint("GET", one_user, admin.get),
        Endpoint("PUT", one_user, admin.update),
        Endpoint("DELETE", one_user, admin.delete),
    ]


def _factors(plane: AuthPlane) -> list[Endpoint]:
    """Return second factors and identities."""
    factors, admin = Factors(plane), AdminFactors(plane)
    one_factor, one_of_user = "/factors/{factor_id}", "/admin/users/{user_id}/factors/{factor_id}"
    return [
        Endpoint("DELETE", "/user/identities/{identity_id}", factors.unlink),
        Endpoint("POST", "/factors", factors.enroll),
        Endpoint("POST", one_factor + "/challenge", factors.challenge),
        Endpoint("POST", one_factor + "/verify", factors.verify),
        Endpoint("DELETE", one_factor, factors.unenroll),
        Endpoint("GET", "/admin/users/{user_id}/factors", admin.list),
        Endpoint("PUT", one_of_user, admin.update),
        Endpoint("DELETE", one_of_user, admin.delete),
    ]


def _one_time(plane: AuthPlane) -> list[Endpoint]:
    """Return links and codes: asking for them and using them."""
    one_time = OneTime(plane)
    return [
        Endpoint("GET", "/verify", one_time.follow),
        Endpoint("POST", "/verify", one_time.verify),
        Endpoint("POST", "/otp", one_time.otp),
        Endpoint("POST", "/magiclink", one_time.magic_link),
        Endpoint("POST", "/recover", one_time.recover),
        Endpoint("POST", "/resend", one_time.resend),
        Endpoint("GET", "/reauthenticate", one_time.reauthenticate),
        Endpoint("POST", "/invite", one_time.invite),
        Endpoint("POST", "/admin/generate_link", one_time.generate_link),
    ]


def _passkeys(plane: AuthPlane) -> list[Endpoint]:
    """Return passkeys; each endpoint is 404 while they are off."""
    passkeys = Passkeys(plane)
    one, of_user = "/passkeys/{passkey_id}", "/admin/users/{user_id}/passkeys"
    return [
        Endpoint("POST", "/passkeys/registration/options", passkeys.registration_options),
        Endpoint("POST", "/passkeys/registration/verify", passkeys.register),
        Endpoint("POST", "/passkeys/authentication/options", passkeys.authentication_options),
        Endpoint("POST", "/passkeys/authentication/verify", passkeys.sign_in),
        Endpoint("GET", "/passkeys", passkeys.list),
        Endpoint("PATCH", one, passkeys.rename),
        Endpoint("DELETE", one, passkeys.delete),
        Endpoint("GET", of_user, passkeys.admin_list),
        Endpoint("DELETE", of_user + "/{passkey_id}", passkeys.admin_delete),
    ]


def _oversight(plane: AuthPlane) -> list[Endpoint]:
    """Return what administrators see beyond single accounts."""
    sessions = AdminSessions(plane)
    return [
        Endpoint("GET", "/admin/users/{user_id}/sessions", sessions.list),
        Endpoint("DELETE", "/admin/users/{user_id}/sessions/{session_id}", sessions.revoke),
        Endpoint("GET", "/admin/audit", sessions.audit),
    ]


def _external(plane: AuthPlane) -> list[Endpoint]:
    """Return sign-in with other providers."""
    external, custom = External(plane), CustomProviders(plane)
    every, one = "/admin/custom-providers", "/admin/custom-providers/{identifier}"
    return [
        Endpoint("GET", every, custom.list),
        Endpoint("POST", every, custom.create),
        Endpoint("GET", one, custom.get),
        Endpoint("PUT", one, custom.change),
        Endpoint("DELETE", one, custom.delete),
        Endpoint("GET", "/authorize", external.authorize),
        Endpoint("GET", "/user/identities/authorize", external.link),
        Endpoint("GET", "/callback", external.callback),
        Endpoint("POST", "/callback", external.callback),
    ]


def _oauth(plane: AuthPlane) -> list[Endpoint]:
    """Return the OAuth 2.1 server."""
    server, clients = OAuthServer(plane), OAuthClients(plane)
    one_client = "/admin/oauth/clients/{client_id}"
    one_request = "/oauth/authorizations/{authorization_id}"
    return [
        Endpoint("POST", "/oauth/clients/register", clients.register),
        Endpoint("GET", "/oauth/authorize", server.authorize),
        Endpoint("GET", one_request, server.look),
        Endpoint("POST", one_request + "/consent", server.consent),
        Endpoint("POST", "/oauth/token", server.token),
        Endpoint("GET", "/oauth/userinfo", server.userinfo),
        Endpoint("POST", "/oauth/userinfo", server.userinfo),
        Endpoint("GET", "/user/oauth/grants", server.grants),
        Endpoint("DELETE", "/user/oauth/grants", server.revoke),
        Endpoint("POST", "/admin/oauth/clients", clients.create),
        Endpoint("GET", "/admin/oauth/clients", clients.list),
        Endpoint("GET", one_client, clients.get),
        Endpoint("PUT", one_client, clients.change),
        Endpoint("DELETE", one_client, clients.delete),
        Endpoint("POST", one_client + "/regenerate_secret", clients.regenerate),
    ]


def _absent(plane: AuthPlane) -> Iterator[Endpoint]:
    for row in ABSENT:
        for method in row.methods:
            yield Endpoint(method, row.path, _refusing(plane, row))


def _refusing(plane: AuthPlane, row: Absent) -> Handler:
    fixed = row.who == "anyone"

    @declares(who=row.who, gives={}, also=((row.status, row.error_code),), fixed=fixed)
    async def refuse(exchange: Exchange) -> Reply:
        """Not here: the answer is GoTrue's while the part is off."""
        if not fixed:
            await authenticate_admin(plane, exchange.header(AUTHORIZATION))
        raise row.refusal()

    return refuse
