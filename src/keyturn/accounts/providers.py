"""External sign-in providers: what one needs to be told, and what it tells about a user.

One implementation serves all of them (gotrue.md §6.6); :mod:`keyturn.accounts.provider_rows` has a
row per provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import uuid_text
from keyturn.secret import Secret

_LONGEST_TEXT: Final = 2048
_ANY_TENANT: Final = "{tenantid}"


@dataclass(frozen=True, slots=True)
class ClaimMap:
    """Where a profile has what; dotted paths into its JSON, empty: it does not say.

    A step may be ``*``: the first member, whatever its name. ``verified`` may be ``=true``: the
    provider has verified every address that it shows; behind a ``?`` stands a path of which it is
    enough that something is there, behind a ``-`` one that may take the word back. ``names``: the
    parts of a name that lies in several places.
    """

    sub: str = "sub"
    email: str = "email"
    verified: str = "email_verified"
    name: str = "name"
    picture: str = "picture"
    username: str = "preferred_username"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmailMap:
    """Where a provider's list of addresses has what; ``entries`` is the way to the list."""

    entries: str = ""
    email: str = "email"
    verified: str = "verified"
    primary: str = "primary"


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider. URLs beginning with ``/`` lie below its base.

    With ``issuer`` there are ID tokens (OpenID Connect): the profile is their claims unless there
    is a ``userinfo`` URL, and endpoints that are empty are discovered.
    """

    name: str
    base: str = ""
    authorize: str = ""
    token: str = ""
    userinfo: str = ""
    emails: str = ""
    email_map: EmailMap = EmailMap()
    profile_in_token: str = ""
    """The token answer has the profile, here; nothing else is asked for it."""
    custom_claims: tuple[str, ...] = ()
    """What ``identity_data.custom_claims`` keeps of the profile, word for word."""
    custom_claims_but: tuple[str, ...] = ()
    """It keeps all but these."""
    request_token: str = ""
    """OAuth 1.0a: where a sign-in begins (RFC 5849 §2.1)."""
    api_below: str = ""
    """Where the API lies below an address of the operator's own (GitHub Enterprise)."""
    fixed_api: bool = False
    """The API stays where it is when the operator names another address."""
    issuer: str = ""
    bare_issuer: bool = False
    """ID tokens may name the issuer without its scheme (Google says so)."""
    tenants: bool = False
    """Each tenant is an issuer of its own; which may sign in, the discovery document says."""
    id_claims: ClaimMap | None = None
    """Where an ID token has what, when the profile has it elsewhere."""
    discovery: str = ""
    jwks: str = ""
    scopes: tuple[str, ...] = ()
    claims: ClaimMap = ClaimMap()
    parameters: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    basic: bool = False
    """The secret goes into an ``Authorization`` header instead of the body."""
    pkce: bool = False
    separator: str = " "


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the operator says about one provider (GoTrue's ``EXTERNAL_<P>_*``)."""

    enabled: bool = False
    client_ids: tuple[str, ...] = ()
    secret: Secret | None = None
    redirect_uri: str = ""
    url: str = ""
    api_url: str = ""
    skip_nonce_check: bool = False
    email_optional: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that is on: its row and the operator's settings."""

    row: ProviderRow
    settings: ProviderSettings

    @property
    def name(self) -> str:
        """What ``provider`` is in the API and in ``auth.identities``."""
        return self.row.name

    @property
    def client_id(self) -> str:
        """The client id that this server shows; further ones are accepted in ID tokens."""
        return self.settings.client_ids[0]

    def url(self, text: str) -> str:
        """Return an address of the row, on the operator's own host where there is one."""
        return self._placed(text, self.settings.url)

    def api(self, text: str) -> str:
        """Return an address of the row's API: where profiles are."""
        settings = self.settings
        below = settings.url + self.row.api_below if settings.url else ""
        return self._placed(text, settings.api_url or ("" if self.row.fixed_api else below))

    def _placed(self, text: str, host: str) -> str:
        if not text:
            return ""
        if "://" not in text:
            return (host or self.row.base).rstrip("/") + text
        if not host:
            return text
        parts = urlsplit(text)
        return host.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def issuer(self) -> str:
        """The issuer of its ID tokens; empty: it has none."""
        if self.row.tenants:
            return self.url(self.row.issuer)
        return self.settings.url or self.url(self.row.issuer) if self.row.issuer else ""

    def issued(self, issuer: str) -> bool:
        """Tell whether ``issuer`` is this provider, or for what is known yet one of its tenants."""
        if not self.row.tenants:
            return bool(issuer) and issuer == self.issuer
        return tenant_of(issuer, self.issuer) is not None


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """Sign-in with other providers: which are on, and how long a flow may take."""

    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    flow_life: timedelta = timedelta(minutes=5)  # EXTERNAL_FLOW_STATE_EXPIRY_DURATION
    callback: str = "http://localhost:9999/callback"  # where providers send users back
    redirect_url: str = ""  # EXTERNAL_REDIRECT_URL: where everybody goes who comes back
    custom_enabled: bool = True  # CUSTOM_OAUTH_ENABLED
    most_custom: int = 0  # CUSTOM_OAUTH_MAX_PROVIDERS; 0: any number

    def find(self, rows: Mapping[str, ProviderRow], name: str) -> Provider:
        """Return a provider that is on; raises ``validation_failed`` in GoTrue's words."""
        row = rows.get(name.lower())
        if row is None:
            raise unsupported(f"Provider {name[:64]} could not be found")
        settings = self.providers.get(row.name, ProviderSettings())
        if not settings.enabled:
            raise unsupported("provider is not enabled")
        if not settings.client_ids:
            raise unsupported("missing OAuth client ID")
        return Provider(row, settings)


def unsupported(text: str) -> AuthError:
    """Return the refusal of a provider, in GoTrue's words."""
    return refuse("validation_failed", f"Unsupported provider: {text}")


@dataclass(frozen=True, slots=True)
class Email:
    """One address of a profile."""

    address: str
    verified: bool = False
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a provider says about a user; ``data`` is what ``identity_data`` keeps."""

    sub: str
    emails: tuple[Email, ...]
    data: Mapping[str, object]

    @property
    def primary(self) -> Email:
        """The address that counts: the primary one, else a verified one, else the first."""
        ranked = sorted(self.emails, key=lambda email: (not email.primary, not email.verified))
        return ranked[0] if ranked else Email("")


def tenant_of(issuer: str, common: str) -> str | None:
    """Return the tenant that ``issuer`` names, in the place where ``common`` names one; or None.

    Both look like ``https://login.microsoftonline.com/{tenant}/v2.0``.
    """
    given, known = urlsplit(issuer), urlsplit(common)
    steps, places = given.path.strip("/").split("/"), known.path.strip("/").split("/")
    same = (given.scheme, given.netloc, steps[1:]) == (known.scheme, known.netloc, places[1:])
    return steps[0] if same and steps[0] and not (given.query or given.fragment) else None


def issuer_of(template: str, tenant: object) -> str:
    """Return the issuer of a tenant, which a discovery document writes as ``{tenantid}``.

    Empty when the template leaves it open and ``tenant`` is no tenant's id (a UUID).
    """
    if _ANY_TENANT not in template:
        return template
    known = uuid_text(tenant)
    return template.replace(_ANY_TENANT, known) if known else ""


def profile_of(
    provider: Provider,
    claims: Mapping[str, object],
    emails: object = None,
    *,
    id_token: bool = False,
) -> Profile:
    """Read a profile by the row's map; ``emails`` is what the provider's list of them answered.

    ``id_token``: the claims are those of a verified ID token. Raises ``external_no_subject`` and
    ``external_no_email`` when what is needed is not there.
    """
    where = (provider.row.id_claims if id_token else None) or provider.row.claims
    sub = _text(_at(claims, where.sub))
    if not sub:
        raise refuse("external_no_subject")
    found = tuple(_listed(emails, provider.row.email_map)) or tuple(_own(claims, where))
    if not found and not provider.settings.email_optional:
        raise refuse("external_no_email", "Error getting user email from external provider")
    primary = Profile(sub, found, {}).primary
    name, picture = _name(claims, where), _text(_at(claims, where.picture))
    username = _text(_at(claims, where.username))
    told: dict[str, object] = {
        "iss": _text(claims.get("iss")) if id_token else _home(provider),
        "sub": sub,
        "name": name,
        "full_name": name,
        "email": primary.address,
        "picture": picture,
        "avatar_url": picture,
        "user_name": username,
        "preferred_username": username,
        "provider_id": sub,
        "custom_claims": _custom(provider.row, claims),
    }
    data = {key: value for key, value in told.items() if value}
    data |= {"email_verified": primary.verified, "phone_verified": False}
    return Profile(sub, found, data)


def _home(provider: Provider) -> str:
    return provider.url(provider.row.base) or provider.issuer


def _custom(row: ProviderRow, claims: Mapping[str, object]) -> dict[str, object]:
    but = row.custom_claims_but
    return {
        key: value
        for key, value in claims.items()
        if (key not in but if but else key in row.custom_claims)
    }


def _name(claims: Mapping[str, object], where: ClaimMap) -> str:
    parts = [_text(_at(claims, path)) for path in where.names or (where.name,)]
    return " ".join(part for part in parts if part)


def _own(claims: Mapping[str, object], where: ClaimMap) -> list[Email]:
    address = _text(_at(claims, where.email)).lower()
    if not address:
        return []
    return [Email(address, verified=_said(claims, where.verified), primary=True)]


def _said(claims: Mapping[str, object], where: str) -> bool:
    if where == "=true":
        return True
    if where.startswith("?"):
        return bool(_at(claims, where[1:]))
    if where.startswith("-"):
        said = _at(claims, where[1:])
        return said is None or said is True or said in ("1", "true")
    said = _at(claims, where)
    return said is True or said == "true"


def _listed(emails: object, where: EmailMap) -> list[Email]:
    entries = _at(emails, where.entries) if where.entries else emails
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, Mapping):
            continue
        address = _text(_at(entry, where.email)).lower()
        if address:
            found.append(Email(address, _said(entry, where.verified), _said(entry, where.primary)))
    return found


def _at(document: object, path: str) -> object:
    """Return what lies at a dotted path, or under a key that is all of it; None: nothing."""
    if not path:
        return None
    if isinstance(document, Mapping) and path in document:
        return document[path]
    for step in path.split("."):
        if isinstance(document, Mapping):
            document = next(iter(document.values()), None) if step == "*" else document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _text(value: object) -> str:
    """Return text, or a number as text (ids are often numbers); else empty."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:_LONGEST_TEXT]
