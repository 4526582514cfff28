"""Settings of sign-in with other providers, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.providers import ExternalSettings, ProviderSettings
from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

_PARTS: Final = (
    ("ENABLED", read.boolean, "enabled", "Sign-in with this provider."),
    ("CLIENT_ID", read.words, "client_ids", "Client id; further ones are accepted in ID tokens."),
    ("SECRET", read.secret, "secret", "Client secret."),
    (
        "REDIRECT_URI",
        read.text,
        "redirect_uri",
        "Callback, when it is not `<external URL>/callback`.",
    ),
    ("URL", read.address, "url", "Base address of the provider (its issuer, for OpenID Connect)."),
    ("API_URL", read.address, "api_url", "Base address of its API (profiles), when elsewhere."),
    ("SKIP_NONCE_CHECK", read.boolean, "skip_nonce_check", "Accept ID tokens without a nonce."),
    ("EMAIL_OPTIONAL", read.boolean, "email_optional", "Accept users without an address."),
)


def _rows(name: str) -> Iterator[Setting]:
    for part, reads, field, meaning in _PARTS:
        variable = f"GOTRUE_EXTERNAL_{name.upper()}_{part}"
        default = "false" if reads is read.boolean else None
        yield _row(variable, reads, default, f"external.{name}/{field}", meaning)


EXTERNAL: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Sign-in with other providers": (
        *(row for name in PROVIDERS for row in _rows(name)),
        _row(
            "GOTRUE_EXTERNAL_REDIRECT_URL",
            read.address,
            None,
            "external.redirect_url",
            "Where everybody who comes back from a provider goes, whatever `redirect_to` said.",
        ),
        _row(
            "GOTRUE_EXTERNAL_IOS_BUNDLE_ID",
            read.text,
            None,
            "external.ios_bundle_id",
            "A further client id that Apple's ID tokens may be for.",
        ),
        _row(
            "GOTRUE_CUSTOM_OAUTH_ENABLED",
            read.boolean,
            "true",
            "external.custom_enabled",
            "Administrators may add providers by API.",
        ),
        _row(
            "GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS",
            read.seconds,
            "0",
            "external.most_custom",
            "Most of them; 0: any number.",
        ),
    ),
}


def external_settings(values: Mapping[str, Any], external_url: str) -> ExternalSettings:
    """Return the settings of the providers that are on."""
    providers: dict[str, dict[str, Any]] = {}
    for place, value in values.items():
        name, slash, field = place.partition("/")
        if slash:
            providers.setdefault(name, {})[field] = value
    bundle = values.get("ios_bundle_id")
    if bundle and "apple" in providers:
        apple = providers["apple"]
        apple["client_ids"] = (*(apple.get("client_ids") or ()), bundle)
    return ExternalSettings(
        providers={
            name: ProviderSettings(**given)
            for name, given in providers.items()
            if given.get("enabled")
        },
        callback=f"{external_url}/callback",
        redirect_url=values.get("redirect_url") or "",
        flow_life=values["flow_life"],
        custom_enabled=values["custom_enabled"],
        most_custom=values["most_custom"],
    )
