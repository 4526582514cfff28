-- What the auth plane reads of an account, in the order of keyturn.accounts.user.User.
-- Functions and types of our own only: a view on auth.users would stop GoTrue from altering it.
create type keyturn.account as (
    id text,
    aud text,
    role text,
    email text,
    email_confirmed_at timestamptz,
    invited_at timestamptz,
    phone text,
    phone_confirmed_at timestamptz,
    confirmation_sent_at timestamptz,
    confirmed_at timestamptz,
    recovery_sent_at timestamptz,
    new_email text,
    email_change_sent_at timestamptz,
    new_phone text,
    phone_change_sent_at timestamptz,
    reauthentication_sent_at timestamptz,
    last_sign_in_at timestamptz,
    app_metadata text,
    user_metadata text,
    factors text,
    identities text,
    created_at timestamptz,
    updated_at timestamptz,
    banned_until timestamptz,
    deleted_at timestamptz,
    is_anonymous boolean,
    is_sso_user boolean
);

-- What claims need of a session; amr is JSON, newest first.
create type keyturn.session_facts as (
    id text,
    created_at timestamptz,
    amr text,
    oauth_client_id text,
    scopes text
);

create function keyturn.account_of(p_id uuid) returns setof keyturn.account
language sql stable rows 1 as $$
    select
        u.id::text, coalesce(u.aud, ''), coalesce(u.role, ''), coalesce(u.email, ''),
        u.email_confirmed_at, u.invited_at, coalesce(u.phone, ''), u.phone_confirmed_at,
        u.confirmation_sent_at, u.confirmed_at, u.recovery_sent_at, nullif(u.email_change, ''),
        u.email_change_sent_at, nullif(u.phone_change, ''), u.phone_change_sent_at,
        u.reauthentication_sent_at, u.last_sign_in_at,
        coalesce(u.raw_app_meta_data, '{}')::text, coalesce(u.raw_user_meta_data, '{}')::text,
        (select json_agg(json_build_object(
                    'id', f.id, 'created_at', f.created_at, 'updated_at', f.updated_at,
                    'status', f.status, 'friendly_name', f.friendly_name,
                    'factor_type', f.factor_type, 'phone', f.phone,
                    'last_challenged_at', f.last_challenged_at) order by f.created_at, f.id)::text
           from auth.mfa_factors f where f.user_id = u.id),
        (select json_agg(json_build_object(
                    'identity_id', i.id, 'provider_id', i.provider_id, 'user_id', i.user_id,
                    'identity_data', i.identity_data, 'provider', i.provider,
                    'last_sign_in_at', i.last_sign_in_at, 'created_at', coalesce(i.created_at, 'epoch'),
                    'updated_at', coalesce(i.updated_at, 'epoch'), 'email', i.email)
                    order by i.created_at, i.id)::text
           from auth.identities i where i.user_id = u.id),
        coalesce(u.created_at, 'epoch'), coalesce(u.updated_at, 'epoch'),
        u.banned_until, u.deleted_at, u.is_anonymous, u.is_sso_user
    from auth.users u
    where u.id = p_id
$$;

create function keyturn.amr_of(p_session uuid) returns table (amr text)
language sql stable rows 1 as $$
    select json_agg(json_build_object(
               'method', c.authentication_method,
               'timestamp', floor(extract(epoch from c.updated_at))::bigint)
               order by c.updated_at desc)::text
    from auth.mfa_amr_claims c where c.session_id = p_session
$$;

-- PL/pgSQL keeps its plans for the life of a connection; SQL functions only do since PostgreSQL 18.
-- One row as GoTrue writes it: keys in alphabetical order, absent ones left out.
create function keyturn.audit_as(
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
            'log_type', case
                when p_action in ('login', 'logout') then 'account'
                when p_action in ('user_signedup', 'user_deleted') then 'team'
                when p_action in ('token_refreshed', 'token_revoked') then 'token'
                else 'user' end,
            'traits', p_traits)),
        p_now, coalesce(p_ip, ''));
end $$;

create function keyturn.audit(
    p_action text, p_actor keyturn.account, p_traits json, p_now timestamptz, p_ip text
) returns void
language plpgsql as $$
begin
    perform keyturn.audit_as(
        p_action, p_actor.id, coalesce(nullif(p_actor.phone, ''), p_actor.email),
        p_actor.is_sso_user, p_actor.user_metadata::json ->> 'full_name', p_traits, p_now, p_ip);
end $$;
