"""What schema `auth` holds: GoTrue's tables up to 2.196, and since when it has had the newer ones.

A schema may be older (features whose columns it lacks are off) or newer (what is not known here is
left alone). Versions are those of GoTrue's own migrations (gotrue.md §5, table
``auth.schema_migrations``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Later:
    """Something that an older GoTrue had not made yet."""

    name: str
    """``table`` or ``table.column``."""
    since: str
    """The version of the migration of GoTrue that makes it."""
    feature: str
    """A key of :data:`FEATURES`."""


FEATURES: Final[Mapping[str, str]] = {
    "refresh_v2": "refresh tokens of version 2",
    "oauth_server": "the OAuth server",
    "custom_providers": "custom providers",
    "passkeys": "passkeys",
}
"""What an older schema cannot do, in words."""

LATER: Final = (
    Later("oauth_clients", "20250731150234", "oauth_server"),
    Later("oauth_authorizations", "20250804100000", "oauth_server"),
    Later("oauth_consents", "20250804100000", "oauth_server"),
    Later("oauth_clients.client_type", "20250901200500", "oauth_server"),
    Later("sessions.oauth_client_id", "20250904133000", "oauth_server"),
    Later("sessions.refresh_token_hmac_key", "20251007112900", "refresh_v2"),
    Later("sessions.refresh_token_counter", "20251007112900", "refresh_v2"),
    Later("oauth_authorizations.nonce", "20251104100000", "oauth_server"),
    Later("sessions.scopes", "20251111201300", "oauth_server"),
    Later("oauth_clients.token_endpoint_auth_method", "20260121000000", "oauth_server"),
    Later("custom_oauth_providers", "20260219120000", "custom_providers"),
    Later("webauthn_credentials", "20260302000000", "passkeys"),
    Later("webauthn_challenges", "20260302000000", "passkeys"),
)

_TABLES: Final[Mapping[str, str]] = {
    "users": (
        "instance_id id aud role email encrypted_password email_confirmed_at invited_at "
        "confirmation_token confirmation_sent_at recovery_token recovery_sent_at "
        "email_change_token_new email_change email_change_sent_at last_sign_in_at "
        "raw_app_meta_data raw_user_meta_data is_super_admin created_at updated_at phone "
        "phone_confirmed_at phone_change phone_change_token phone_change_sent_at confirmed_at "
        "email_change_token_current email_change_confirm_status banned_until "
        "reauthentication_token reauthentication_sent_at is_sso_user deleted_at is_anonymous"
    ),
    "identities": (
        "provider_id user_id identity_data provider last_sign_in_at created_at updated_at email id"
    ),
    "sessions": (
        "id user_id created_at updated_at factor_id aal not_after refreshed_at user_agent ip "
        "tag oauth_client_id refresh_token_hmac_key refresh_token_counter scopes"
    ),
    "refresh_tokens": (
        "instance_id id token user_id revoked created_at updated_at parent session_id"
    ),
    "mfa_amr_claims": "session_id created_at updated_at authentication_method id",
    "mfa_factors": (
        "id user_id friendly_name factor_type status created_at updated_at secret phone "
        "last_challenged_at web_authn_credential web_authn_aaguid "
        "last_webauthn_challenge_data"
    ),
    "mfa_challenges": (
        "id factor_id created_at verified_at ip_address otp_code web_authn_session_data"
    ),
    "one_time_tokens": "id user_id token_type token_hash relates_to created_at updated_at",
    "flow_state": (
        "id user_id auth_code code_challenge_method code_challenge provider_type "
        "provider_access_token provider_refresh_token created_at updated_at "
        "authentication_method auth_code_issued_at invite_token referrer "
        "oauth_client_state_id linking_target_id email_optional"
    ),
    "audit_log_entries": "instance_id id payload created_at ip_address",
    "instances": "id uuid raw_base_config created_at updated_at",
    "schema_migrations": "version",
    "sso_providers": "id resource_id created_at updated_at disabled",
    "sso_domains": "id sso_provider_id domain created_at updated_at",
    "saml_providers": (
        "id sso_provider_id entity_id metadata_xml metadata_url attribute_mapping created_at "
        "updated_at name_id_format"
    ),
    "saml_relay_states": (
        "id sso_provider_id request_id for_email redirect_to created_at updated_at flow_state_id"
    ),
    "oauth_clients": (
        "id client_secret_hash registration_type redirect_uris grant_types client_name "
        "client_uri logo_uri created_at updated_at deleted_at client_type "
        "token_endpoint_auth_method"
    ),
    "oauth_authorizations": (
        "id authorization_id client_id user_id redirect_uri scope state resource "
        "code_challenge code_challenge_method response_type status authorization_code "
        "created_at expires_at approved_at nonce"
    ),
    "oauth_consents": "id user_id client_id scopes granted_at revoked_at",
    "oauth_client_states": "id provider_type code_verifier created_at",
    "custom_oauth_providers": (
        "id provider_type identifier name client_id client_secret acceptable_client_ids "
        "scopes pkce_enabled attribute_mapping authorization_params enabled email_optional "
        "issuer discovery_url skip_nonce_check cached_discovery discovery_cached_at "
        "authorization_url token_url userinfo_url jwks_uri created_at updated_at "
        "custom_claims_allowlist"
    ),
    "webauthn_credentials": (
        "id user_id credential_id public_key attestation_type aaguid sign_count transports "
        "backup_eligible backed_up friendly_name created_at updated_at last_used_at"
    ),
    "webauthn_challenges": "id user_id challenge_type session_data created_at expires_at",
}
KNOWN: Final[Mapping[str, frozenset[str]]] = {
    table: frozenset(columns.split()) for table, columns in _TABLES.items()
}
"""Table → its columns in GoTrue 2.196."""


def lacking(absent: Collection[str], feature: str) -> Later | None:
    """Return the first thing that ``feature`` needs and that is ``absent``; None: all is there."""
    needed = (row for row in LATER if row.feature == feature)
    return next((row for row in needed if row.name in absent), None)
