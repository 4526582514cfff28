"""Signing in with another provider: out to it, and back (gotrue.md §4.2, §6.6)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from keyturn.accounts.errors import AuthError, OAuthRefusal, refuse
from keyturn.accounts.identifiers import (
    require_storable,
    require_storable_json,
    storable,
    uuid4_from,
    uuid_text,
)
from keyturn.accounts.one_time import challenge, challenges_of
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.providers import Profile, Provider, profile_of
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows import sign_up_pending
from keyturn.flows.custom_providers import find
from keyturn.flows.hooks import after_user_created, before_user_created
from keyturn.flows.identities import require_linking
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.messages import Origin
from keyturn.flows.notifications import notify
from keyturn.flows.plane import AuthPlane, Caller, Granted
from keyturn.flows.ports.accounts import ClientInfo, NewUser
from keyturn.flows.ports.external import Entered, Flow, ProviderTokens

METHOD: Final = "oauth"
_OWN: Final = frozenset(
    {
        "provider",
        "scopes",
        "redirect_to",
        "code_challenge",
        "code_challenge_method",
        "invite_token",
        "skip_http_redirect",
        "client_id",
        "redirect_uri",
        "response_type",
        "state",
        "scope",
    }
)
_VERIFIER_BYTES: Final = 48
_UNVERIFIED: Final = "Unverified email with {0}. Verify the email with {0} in order to sign in"
_MAILED: Final = "Unverified email with {0}. A confirmation email has been sent to your {0} email"
_MOST_PARAMETERS: Final = 20


@dataclass(frozen=True, slots=True)
class Departure:
    """``GET /authorize``; ``parameters`` is the whole query, of which the rest goes along."""

    provider: str
    redirect_to: str
    scopes: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    invite_token: str = field(default="", repr=False)
    linking_target: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the browser goes: with a code (PKCE), or with tokens."""

    redirect_to: str
    auth_code: str | None = field(default=None, repr=False)
    granted: Granted | None = None
    tokens: ProviderTokens = field(default_factory=ProviderTokens)


class ExternalFailed(Exception):
    """A callback failed after its flow was found: the browser goes back with the reason."""

    def __init__(self, refused: AuthError, flow: Flow) -> None:
        """``refused`` says why."""
        super().__init__(refused.message)
        self.refused = refused
        self.flow = flow


async def depart(plane: AuthPlane, wanted: Departure) -> str:
    """Keep a flow and return the provider's page to send the browser to.

    Raises ``validation_failed`` for a provider that is not on, the rows of PKCE,
    ``invited_user_not_found``, and ``external_exchange`` when the provider's endpoints cannot be
    discovered.
    """
    provider = await find(plane, wanted.provider)
    require_storable(wanted.redirect_to)
    token = wanted.invite_token
    if token and not (storable(token) and await plane.external.is_invited(token)):
        raise refuse("invited_user_not_found")
    proof = challenge(wanted.code_challenge, wanted.code_challenge_method)
    verifier = ""
    if provider.row.pkce:
        verifier = base64.urlsafe_b64encode(plane.entropy(_VERIFIER_BYTES)).decode()
    flow = Flow(
        id=uuid4_from(plane.entropy(16)),
        provider=provider.name,
        redirect_to=wanted.redirect_to,
        created_at=plane.clock(),
        auth_code=uuid4_from(plane.entropy(16)) if proof else None,
        challenge=proof.text if proof else None,
        method=proof.method if proof else None,
        verifier=verifier,
        invite_token=wanted.invite_token,
        linking_target=wanted.linking_target,
    )
    if provider.row.request_token:
        callback = f"{_callback(plane, provider)}?{urlencode({'state': flow.id})}"
        page, kept = await plane.providers.begin(provider, callback)
        await plane.external.begin(replace(flow, verifier=kept))
        return page
    endpoint = await plane.providers.authorize_url(provider)
    await plane.external.begin(flow)
    query = urlencode(_query(plane, provider, wanted, flow))
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def _query(plane: AuthPlane, provider: Provider, wanted: Departure, flow: Flow) -> dict[str, str]:
    extra = {name: text for name, text in wanted.parameters.items() if name not in _OWN}
    scopes = dict.fromkeys((*provider.row.scopes, *wanted.scopes.replace(",", " ").split()))
    if "workos_provider" in extra:  # GoTrue's name: ``provider`` is ours
        extra["provider"] = extra.pop("workos_provider")
    query = {
        **dict(list(extra.items())[:_MOST_PARAMETERS]),
        **dict(provider.row.parameters),
        "client_id": provider.client_id,
        "redirect_uri": _callback(plane, provider),
        "response_type": "code",
        "state": flow.id,
    }
    if scopes:
        query["scope"] = provider.row.separator.join(scopes)
    if flow.verifier:
        query["code_challenge"] = challenges_of(flow.verifier)["s256"]
        query["code_challenge_method"] = "S256"
    return query


def _callback(plane: AuthPlane, provider: Provider) -> str:
    return provider.settings.redirect_uri or plane.settings.external.callback


async def depart_to_link(
    plane: AuthPlane, caller: Caller, wanted: Departure, aud_header: str | None = None
) -> str:
    """Return where ``caller`` proves an identity that their account gets.

    Raises ``manual_linking_disabled`` (404), ``unexpected_audience`` and what :func:`depart`
    raises.
    """
    require_linking(plane, caller, aud_header)
    return await depart(plane, replace(wanted, linking_target=caller.user.id, invite_token=""))


async def flow_of(plane: AuthPlane, state: str) -> Flow:
    """Return the flow that ``state`` names.

    Raises ``oauth_state_missing``, ``oauth_state_invalid``, ``oauth_state_expired`` and
    ``oauth_state_used``.
    """
    if not state:
        raise refuse("oauth_state_missing")
    flow_id = uuid_text(state)
    flow = await plane.external.flow(flow_id) if flow_id else None
    if flow is None:
        raise refuse("oauth_state_invalid")
    if flow.created_at + plane.settings.external.flow_life < plane.clock():
        raise refuse("oauth_state_expired")
    if flow.used:
        raise refuse("oauth_state_used")
    return flow


async def arrive(
    plane: AuthPlane, flow: Flow, code: str, client: ClientInfo, request_token: str = ""
) -> Arrival:
    """Exchange the provider's code, find or make the account, and finish the flow.

    ``request_token`` is OAuth 1.0a's ``oauth_token``, ``code`` then its ``oauth_verifier``. Raises
    :class:`ExternalFailed` with the reason.
    """
    try:
        return await _arrive(plane, flow, code, client, request_token)
    except AuthError as refused:
        raise ExternalFailed(refused, flow) from refused


async def _arrive(
    plane: AuthPlane, flow: Flow, code: str, client: ClientInfo, request_token: str
) -> Arrival:
    if not code:
        raise refuse("oauth_code_missing")
    provider = await find(plane, flow.provider)
    if provider.row.request_token and flow.verifier.partition(" ")[0] != request_token:
        raise refuse("oauth_state_invalid")
    tokens = await plane.providers.exchange(
        provider, code, _callback(plane, provider), flow.verifier
    )
    profile = await plane.providers.profile(provider, tokens)
    entered, granted = await _enter(plane, provider, profile, tokens, client, flow)
    return Arrival(flow.redirect_to, entered.auth_code, granted, tokens)


async def _enter(
    plane: AuthPlane,
    provider: Provider,
    profile: Profile,
    tokens: ProviderTokens,
    client: ClientInfo,
    flow: Flow | None = None,
    *,
    target: str | None = None,
) -> tuple[Entered, Granted | None]:
    require_storable_json(dict(profile.data))
    settings = plane.settings
    session = new_session(plane, METHOD, provider.name)
    now = plane.clock()
    new = NewUser(
        id=uuid4_from(plane.entropy(16)),
        aud=settings.jwt_aud,
        role=settings.default_group,
        email=profile.primary.address,
        user_metadata=profile.data,
        app_metadata={"provider": provider.name, "providers": [provider.name]},
    )
    known = target or (flow is not None and (flow.linking_target or flow.invite_token))
    hooked = settings.hooks.before_user_created is not None and not known
    if hooked and await plane.external.is_new(provider.name, profile):
        await before_user_created(plane, new, client)
    entered = await plane.external.enter(
        flow.id if flow else None,
        provider.name,
        profile,
        new,
        tokens,
        session,
        client,
        now,
        target=target,
        may_sign_up=not settings.disable_signup,
        may_wait=settings.allow_unverified_email_sign_ins,
        autoconfirm=settings.mailer_autoconfirm,
        audit=settings.audit_log_postgres,
    )
    if entered.user is not None and entered.user.id == new.id:
        await after_user_created(plane, entered.user, client)
    if entered.unverified and entered.user is not None:
        await _ask_to_confirm(plane, provider.name, entered.user, entered.verdict, client)
    if entered.verdict == "external_unverified":
        raise refuse(entered.verdict, _UNVERIFIED.format(provider.name))
    if entered.verdict != "ok":
        raise refuse(entered.verdict)
    if entered.linked and entered.user is not None:
        notify(plane, "identity_linked", entered.user, client, Provider=provider.name)
    if entered.user is None or entered.session is None:
        return entered, None
    token = first_token(session)
    return entered, await grant(plane, entered.user, entered.session, token, now, client=client)


async def _ask_to_confirm(
    plane: AuthPlane, name: str, user: User, verdict: str, client: ClientInfo
) -> None:
    """Mail a confirmation to who came with an address that the provider has not verified.

    Raises ``external_unverified`` in words that say so, ``too_soon``, ``mail_limit`` and
    ``mail_not_sent``, unless the account may be entered meanwhile (``verdict`` is ok). Nothing
    happens without a mail server.
    """
    messages = plane.messages
    hooked = plane.settings.hooks.send_email is not None
    if messages is None or not (messages.mailer or hooked):
        return
    origin = Origin(plane.settings.site_url, messages.external_url)
    if verdict == "ok":
        sending.later(plane, _asked(plane, user, origin, client))
        return
    await _asked(plane, user, origin, client)
    raise refuse(verdict, _MAILED.format(name))


async def _asked(plane: AuthPlane, user: User, origin: Origin, client: ClientInfo) -> None:
    await sign_up_pending.ask_again(plane, user, None, origin, client, wait=True)


@dataclass(frozen=True, slots=True)
class IdTokenGrant:
    """``POST /token?grant_type=id_token``; empty members were not sent."""

    id_token: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    provider: str = ""
    client_id: str = ""
    issuer: str = ""


async def id_token(
    plane: AuthPlane, wanted: IdTokenGrant, client: ClientInfo, linking: Caller | None = None
) -> Granted:
    """Sign in with an ID token that an application got from the provider itself.

    Its signature is verified with the provider's published keys, its audience must be one of the
    provider's client ids, and its nonce must be the SHA-256 of ``nonce``. ``linking``: whose
    account the identity is for. Raises ``OAuthRefusal``, ``validation_failed`` and the rows of
    linking.
    """
    if linking is not None:
        require_linking(plane, linking)
    if not wanted.id_token:
        raise OAuthRefusal("invalid request", "id_token required")
    if not wanted.provider and not (wanted.client_id and wanted.issuer):
        raise OAuthRefusal("invalid request", "provider or client_id and issuer required")
    if wanted.provider:
        provider = await find(plane, wanted.provider)
    else:
        provider = _by_issuer(plane, wanted)
    claims = await plane.providers.id_claims(provider, wanted.id_token)
    if not provider.settings.skip_nonce_check:
        _check_nonce(claims.get("nonce"), wanted.nonce)
    profile = profile_of(provider, claims, id_token=True)
    target = linking.user.id if linking else None
    _, granted = await _enter(plane, provider, profile, ProviderTokens(), client, target=target)
    if granted is None:
        raise refuse("external_profile")
    return granted


def _by_issuer(plane: AuthPlane, wanted: IdTokenGrant) -> Provider:
    settings = plane.settings.external
    for name, each in settings.providers.items():
        if each.enabled and name in PROVIDERS and each.client_ids:
            provider = settings.find(PROVIDERS, name)
            if provider.issued(wanted.issuer):
                return provider
    raise refuse("provider_disabled", f"Provider (issuer {wanted.issuer[:128]!r}) is not enabled")


def _check_nonce(claimed: object, given: str) -> None:
    """A nonce binds the token to the application that asked for it (OIDC Core §15.5.2)."""
    text = claimed if isinstance(claimed, str) else ""
    if bool(text) != bool(given):
        raise OAuthRefusal(
            "invalid request", "Passed nonce and nonce in id_token should either both exist or not."
        )
    if not given:
        return
    digest = challenges_of(given)["s256"]
    hexadecimal = base64.urlsafe_b64decode(digest + "=").hex()
    if text not in {hexadecimal, digest}:
        raise OAuthRefusal("invalid nonce", "Nonces mismatch")
