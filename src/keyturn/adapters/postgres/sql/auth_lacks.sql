-- Columns that every sign-in needs and that a GoTrue before October 2024 did not have yet.
select format('auth.%s.%s', needed.table_name, needed.column_name) as missing
from (values
    ('users', 'is_anonymous'),
    ('users', 'deleted_at'),
    ('users', 'is_sso_user'),
    ('users', 'reauthentication_token'),
    ('identities', 'provider_id'),
    ('identities', 'id'),
    ('sessions', 'tag'),
    ('sessions', 'ip'),
    ('refresh_tokens', 'session_id'),
    ('refresh_tokens', 'parent'),
    ('mfa_amr_claims', 'authentication_method'),
    ('mfa_factors', 'phone'),
    ('mfa_factors', 'last_challenged_at'),
    ('mfa_factors', 'web_authn_credential'),
    ('mfa_challenges', 'otp_code'),
    ('mfa_challenges', 'web_authn_session_data'),
    ('flow_state', 'auth_code_issued_at'),
    ('one_time_tokens', 'token_hash'),
    ('audit_log_entries', 'ip_address')
) as needed (table_name, column_name)
where not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = to_regclass(format('auth.%I', needed.table_name))
      and a.attname = needed.column_name
      and not a.attisdropped
)
order by 1
