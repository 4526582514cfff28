-- The kind of every action that GoTrue records; 0020 knew those of password sign-in only.
create function keyturn.audit_kind(p_action text) returns text
language sql immutable as $$
    select case
        when p_action in ('login', 'logout', 'invite_accepted') then 'account'
        when p_action in ('user_signedup', 'user_invited', 'user_deleted') then 'team'
        when p_action in ('token_refreshed', 'token_revoked') then 'token'
        when p_action in (
            'factor_in_progress', 'factor_unenrolled', 'challenge_created', 'verification_attempted',
            'factor_deleted', 'factor_updated', 'mfa_code_login') then 'factor'
        when p_action = 'recovery_codes_deleted' then 'recovery_codes'
        else 'user' end
$$;

create or replace function keyturn.audit_as(
    p_action text, p_id text, p_username text, p_via_sso boolean, p_name text, p_traits json,
    p_now timestamptz, p_ip text
) returns void
language plpgsql as $$
begin
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    values (
        '00000000-0000-0000-0000-000000000000', gen_random_uuid(),
        json_strip_nulls(json_build_object(
            'action', p_action, 'actor_id', p_id, 'actor_name', nullif(p_name, ''),
            'actor_username', p_username, 'actor_via_sso', p_via_sso,
            'log_type', keyturn.audit_kind(p_action), 'traits', p_traits)),
        p_now, coalesce(p_ip, ''));
end $$;
