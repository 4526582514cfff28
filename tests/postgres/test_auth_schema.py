"""Schema auth is GoTrue's, column for column; the expectation is written down independently."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

if TYPE_CHECKING:
    from tests.conftest import Database

    from keyturn.adapters.postgres.pool import Pool

SHORT = {
    "timestamp with time zone": "tz",
    "timestamp without time zone": "ts",
    "character varying(255)": "v255",
    "character varying(64)": "v64",
    "boolean": "bool",
    "bigint": "int8",
    "smallint": "int2",
}
# GoTrue v2.196. ``!`` not null, ``=`` generated; the rest of a word is the type.
COLUMNS = {
    "users": """instance_id uuid, id uuid!, aud v255, role v255, email v255,
        encrypted_password v255, email_confirmed_at tz, invited_at tz, confirmation_token v255,
        confirmation_sent_at tz, recovery_token v255, recovery_sent_at tz,
        email_change_token_new v255, email_change v255, email_change_sent_at tz,
        last_sign_in_at tz, raw_app_meta_data jsonb, raw_user_meta_data jsonb,
        is_super_admin bool, created_at tz, updated_at tz, phone text, phone_confirmed_at tz,
        phone_change text, phone_change_token v255, phone_change_sent_at tz, confirmed_at tz=,
        email_change_token_current v255, email_change_confirm_status int2, banned_until tz,
        reauthentication_token v255, reauthentication_sent_at tz, is_sso_user bool!,
        deleted_at tz, is_anonymous bool!""",
    "identities": """provider_id text!, user_id uuid!, identity_data jsonb!, provider text!,
        last_sign_in_at tz, created_at tz, updated_at tz, email text=, id uuid!""",
    "sessions": """id uuid!, user_id uuid!, created_at tz, updated_at tz, factor_id uuid,
        aal auth.aal_level, not_after tz, refreshed_at ts, user_agent text, ip inet, tag text,
        oauth_client_id uuid, refresh_token_hmac_key text, refresh_token_counter int8,
        scopes text""",
    "refresh_tokens": """instance_id uuid, id int8!, token v255, user_id v255, revoked bool,
        created_at tz, updated_at tz, parent v255, session_id uuid""",
    "mfa_amr_claims": """session_id uuid!, created_at tz!, updated_at tz!,
        authentication_method text!, id uuid!""",
    "mfa_factors": """id uuid!, user_id uuid!, friendly_name text,
        factor_type auth.factor_type!, status auth.factor_status!, created_at tz!,
        updated_at tz!, secret text, phone text, last_challenged_at tz,
        web_authn_credential jsonb, web_authn_aaguid uuid, last_webauthn_challenge_data jsonb""",
    "mfa_challenges": """id uuid!, factor_id uuid!, created_at tz!, verified_at tz,
        ip_address inet!, otp_code text, web_authn_session_data jsonb""",
    "one_time_tokens": """id uuid!, user_id uuid!, token_type auth.one_time_token_type!,
        token_hash text!, relates_to text!, created_at ts!, updated_at ts!""",
    "flow_state": """id uuid!, user_id uuid, auth_code text,
        code_challenge_method auth.code_challenge_method, code_challenge text,
        provider_type text!, provider_access_token text, provider_refresh_token text,
        created_at tz, updated_at tz, authentication_method text!, auth_code_issued_at tz,
        invite_token text, referrer text, oauth_client_state_id uuid, linking_target_id uuid,
        email_optional bool!""",
    "audit_log_entries": "instance_id uuid, id uuid!, payload json, created_at tz, ip_address v64!",
    "instances": "id uuid!, uuid uuid, raw_base_config text, created_at tz, updated_at tz",
    "schema_migrations": "version v255!",
    "sso_providers": "id uuid!, resource_id text, created_at tz, updated_at tz, disabled bool",
    "sso_domains": """id uuid!, sso_provider_id uuid!, domain text!, created_at tz,
        updated_at tz""",
    "saml_providers": """id uuid!, sso_provider_id uuid!, entity_id text!, metadata_xml text!,
        metadata_url text, attribute_mapping jsonb, created_at tz, updated_at tz,
        name_id_format text""",
    "saml_relay_states": """id uuid!, sso_provider_id uuid!, request_id text!, for_email text,
        redirect_to text, created_at tz, updated_at tz, flow_state_id uuid""",
    "oauth_clients": """id uuid!, client_secret_hash text,
        registration_type auth.oauth_registration_type!, redirect_uris text!, grant_types text!,
        client_name text, client_uri text, logo_uri text, created_at tz!, updated_at tz!,
        deleted_at tz, client_type auth.oauth_client_type!, token_endpoint_auth_method text!""",
    "oauth_authorizations": """id uuid!, authorization_id text!, client_id uuid!, user_id uuid,
        redirect_uri text!, scope text!, state text, resource text, code_challenge text,
        code_challenge_method auth.code_challenge_method,
        response_type auth.oauth_response_type!, status auth.oauth_authorization_status!,
        authorization_code text, created_at tz!, expires_at tz!, approved_at tz, nonce text""",
    "oauth_consents": """id uuid!, user_id uuid!, client_id uuid!, scopes text!, granted_at tz!,
        revoked_at tz""",
    "oauth_client_states": "id uuid!, provider_type text!, code_verifier text, created_at tz!",
    "custom_oauth_providers": """id uuid!, provider_type text!, identifier text!, name text!,
        client_id text!, client_secret text!, acceptable_client_ids text[]!, scopes text[]!,
        pkce_enabled bool!, attribute_mapping jsonb!, authorization_params jsonb!,
        enabled bool!, email_optional bool!, issuer text, discovery_url text,
        skip_nonce_check bool!, cached_discovery jsonb, discovery_cached_at tz,
        authorization_url text, token_url text, userinfo_url text, jwks_uri text,
        created_at tz!, updated_at tz!, custom_claims_allowlist text[]!""",
    "webauthn_credentials": """id uuid!, user_id uuid!, credential_id bytea!, public_key bytea!,
        attestation_type text!, aaguid uuid, sign_count int8!, transports jsonb!,
        backup_eligible bool!, backed_up bool!, friendly_name text!, created_at tz!,
        updated_at tz!, last_used_at tz""",
    "webauthn_challenges": """id uuid!, user_id uuid, challenge_type text!, session_data jsonb!,
        created_at tz!, expires_at tz!""",
}
OPEN = {
    "oauth_clients",
    "oauth_authorizations",
    "oauth_consents",
    "oauth_client_states",
    "custom_oauth_providers",
    "webauthn_credentials",
    "webauthn_challenges",
}
ENUMS = {
    "aal_level": "aal1 aal2 aal3",
    "code_challenge_method": "s256 plain",
    "factor_status": "unverified verified",
    "factor_type": "totp webauthn phone",
    "oauth_authorization_status": "pending approved denied expired",
    "oauth_client_type": "public confidential",
    "oauth_registration_type": "dynamic manual",
    "oauth_response_type": "code",
    "one_time_token_type": (
        "confirmation_token reauthentication_token recovery_token email_change_token_new "
        "email_change_token_current phone_change_token"
    ),
}
# Table: the columns (or expressions) that together must be unique, besides the primary key.
UNIQUE = {
    "users": {"phone", "email", "confirmation_token", "recovery_token", "email_change_token_new",
              "email_change_token_current", "reauthentication_token"},
    "identities": {"provider_id, provider"},
    "refresh_tokens": {"token"},
    "mfa_amr_claims": {"session_id, authentication_method"},
    "mfa_factors": {"last_challenged_at", "friendly_name, user_id", "user_id, phone"},
    "one_time_tokens": {"user_id, token_type"},
    "sso_providers": {"lower(resource_id)"},
    "sso_domains": {"lower(domain)"},
    "saml_providers": {"entity_id"},
    "oauth_authorizations": {"authorization_id", "authorization_code"},
    "oauth_consents": {"user_id, client_id"},
    "custom_oauth_providers": {"identifier"},
    "webauthn_credentials": {"credential_id"},
}  # fmt: skip
CASCADES = {
    "identities.user_id": "users",
    "sessions.user_id": "users",
    "sessions.oauth_client_id": "oauth_clients",
    "refresh_tokens.session_id": "sessions",
    "mfa_amr_claims.session_id": "sessions",
    "mfa_factors.user_id": "users",
    "mfa_challenges.factor_id": "mfa_factors",
    "one_time_tokens.user_id": "users",
    "sso_domains.sso_provider_id": "sso_providers",
    "saml_providers.sso_provider_id": "sso_providers",
    "saml_relay_states.sso_provider_id": "sso_providers",
    "saml_relay_states.flow_state_id": "flow_state",
    "oauth_authorizations.client_id": "oauth_clients",
    "oauth_authorizations.user_id": "users",
    "oauth_consents.client_id": "oauth_clients",
    "oauth_consents.user_id": "users",
    "webauthn_credentials.user_id": "users",
    "webauthn_challenges.user_id": "users",
}


async def test_every_column_in_order_with_its_type(database: Database) -> None:
    pool = await database.pool()
    rows = await pool.fetch(
        """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
               a.attgenerated <> '' as generated
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and not a.attisdropped
        order by c.relname, a.attnum
        """
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        kind = SHORT.get(row["type"], row["type"])
        kind = f"auth.{kind}" if kind in ENUMS else kind
        marks = ("!" if row["attnotnull"] else "") + ("=" if row["generated"] else "")
        found.setdefault(row["relname"], []).append(f"{row['attname']} {kind}{marks}")
    expected = {
        table: [" ".join(each.split()) for each in columns.split(",")]
        for table, columns in COLUMNS.items()
    }
    assert found == expected


async def test_enums(database: Database) -> None:
    pool = await database.pool()
    rows = await pool.fetch(
        """
        select t.typname, string_agg(e.enumlabel, ' ' order by e.enumsortorder) as labels
        from pg_type t join pg_enum e on e.enumtypid = t.oid
        where t.typnamespace = 'auth'::regnamespace group by 1
        """
    )
    assert {row["typname"]: row["labels"] for row in rows} == ENUMS


async def test_row_level_security_is_on_where_gotrue_has_it_and_has_no_policy(
    database: Database,
) -> None:
    pool = await database.pool()
    rows = await pool.fetch(
        "select relname, relrowsecurity, pg_get_userbyid(relowner) as owner from pg_class"
        " where relnamespace = 'auth'::regnamespace and relkind = 'r'"
    )
    assert {row["relname"] for row in rows if not row["relrowsecurity"]} == OPEN
    assert {row["owner"] for row in rows} == {"supabase_auth_admin"}
    assert await pool.fetchval("select count(*) from pg_policies where schemaname = 'auth'") == 0


async def test_what_must_be_unique_is(database: Database) -> None:
    pool = await database.pool()
    rows = await pool.fetch(
        """
        select i.indrelid::regclass::text as relation, string_agg(
            pg_get_indexdef(i.indexrelid, k.n, false), ', ' order by k.n) as columns
        from pg_index i join pg_class c on c.oid = i.indrelid,
             generate_series(1, i.indnkeyatts) as k (n)
        where c.relnamespace = 'auth'::regnamespace and i.indisunique and not i.indisprimary
        group by i.indrelid, i.indexrelid
        """
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["relation"].removeprefix("auth."), set()).add(row["columns"])
    assert found == UNIQUE


async def test_what_hangs_on_a_row_goes_with_it(database: Database) -> None:
    pool = await database.pool()
    rows = await pool.fetch(
        """
        select c.conrelid::regclass::text || '.' || a.attname as column,
               c.confrelid::regclass::text as target, c.confdeltype = 'c' as cascades
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.connamespace = 'auth'::regnamespace and c.contype = 'f'
        """
    )
    found = {
        row["column"].removeprefix("auth."): row["target"].removeprefix("auth.") for row in rows
    }
    assert found == CASCADES
    assert all(row["cascades"] for row in rows)


async def test_gotrue_finds_its_seventy_migrations_done(database: Database) -> None:
    pool = await database.pool()
    versions = await pool.fetchval(
        "select array_agg(version order by version) from auth.schema_migrations"
    )
    assert len(versions) == len(set(versions)) == 70
    assert (versions[0], versions[-1]) == ("00", "20260625000000")


async def add_user(pool: Pool, **columns: Any) -> uuid.UUID:
    values = {"id": uuid.uuid4(), **columns}
    names = ", ".join(values)
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await pool.execute(f"insert into auth.users ({names}) values ({places})", *values.values())
    return uuid.UUID(str(values["id"]))


async def test_one_account_per_address_but_any_number_by_single_sign_on(
    database: Database,
) -> None:
    pool = await database.pool()
    await add_user(pool, email="a@example.com")
    await add_user(pool, email="a@example.com", is_sso_user=True)
    await add_user(pool, email="a@example.com", is_sso_user=True)
    with pytest.raises(asyncpg.UniqueViolationError, match="users_email_partial_key"):
        await add_user(pool, email="a@example.com")


async def test_empty_tokens_do_not_collide_and_real_ones_do(database: Database) -> None:
    pool = await database.pool()
    for _ in range(2):
        await add_user(pool, confirmation_token="", recovery_token="123456")
    await add_user(pool, recovery_token="abc")
    with pytest.raises(asyncpg.UniqueViolationError, match="recovery_token_idx"):
        await add_user(pool, recovery_token="abc")


async def test_generated_columns(database: Database) -> None:
    pool = await database.pool()
    user = await add_user(pool, email="a@example.com")
    await pool.execute(
        "insert into auth.identities (provider_id, user_id, identity_data, provider)"
        " values ('1', $1, $2, 'email')",
        user,
        '{"email": "A@Example.COM"}',
    )
    assert await pool.fetchval("select email from auth.identities") == "a@example.com"
    await pool.execute(
        "update auth.users set phone_confirmed_at = '2026-02-01', email_confirmed_at = '2026-03-01'"
    )
    assert await pool.fetchval("select confirmed_at = '2026-02-01' from auth.users") is True


async def test_deleting_a_user_leaves_nothing_behind(database: Database) -> None:
    pool = await database.pool()
    user, session = await add_user(pool), uuid.uuid4()
    await pool.execute("insert into auth.sessions (id, user_id) values ($1, $2)", session, user)
    await pool.execute(
        "insert into auth.refresh_tokens (token, user_id, session_id) values ('t', $1, $2)",
        str(user),
        session,
    )
    await pool.execute("delete from auth.users")
    assert await pool.fetchval("select count(*) from auth.refresh_tokens") == 0
