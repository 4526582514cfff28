-- Schema auth is as old as the GoTrue that made it. Columns of sessions that came since 2025 are
-- read through JSON, which has null for what is not there, and written only when there is something
-- to write: these functions work on the older table, and go on when a GoTrue brings it up to date.

create type keyturn.session_extras as (
    oauth_client_id text,
    scopes text,
    refresh_token_hmac_key text,
    refresh_token_counter bigint
);

create function keyturn.extras_of(p_session auth.sessions) returns keyturn.session_extras
language plpgsql stable as $$
begin
    return jsonb_populate_record(null::keyturn.session_extras, to_jsonb(p_session));
end $$;

create function keyturn.session_facts_of(p_session auth.sessions, p_amr text)
returns keyturn.session_facts language plpgsql stable as $$
declare
    e keyturn.session_extras := keyturn.extras_of(p_session);
begin
    return (p_session.id::text, p_session.created_at, p_amr, e.oauth_client_id, e.scopes);
end $$;

create or replace function keyturn.open_session(
    p_user uuid, p_verified_hash text, p_new_hash text,
    p_session uuid, p_method text, p_provider text, p_token text, p_hmac_key text,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean,
    out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
begin
    -- The hash that was compared must still be the account's; null: nothing was compared.
    update auth.users u
       set last_sign_in_at = p_now, updated_at = p_now,
           encrypted_password = coalesce(p_new_hash, u.encrypted_password)
     where u.id = p_user and (p_verified_hash is null or u.encrypted_password = p_verified_hash);
    if not found then
        return;
    end if;
    if p_hmac_key is null then
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
        values (p_session, p_user, p_now, p_now, 'aal1', nullif(p_agent, ''), p_ip::inet);
    else
        insert into auth.sessions (
            id, user_id, created_at, updated_at, aal, user_agent, ip,
            refresh_token_hmac_key, refresh_token_counter)
        values (
            p_session, p_user, p_now, p_now, 'aal1', nullif(p_agent, ''), p_ip::inet, p_hmac_key, 0);
    end if;
    if p_token is not null then
        perform keyturn.add_token(p_token, null, p_session, p_user, false, p_now);
    end if;
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    values (gen_random_uuid(), p_session, p_now, p_now, p_method);
    select a.* into who from keyturn.account_of(p_user) a;
    opened := (p_session::text, p_now, (select m.amr from keyturn.amr_of(p_session) m), null, null);
    if p_audit then
        perform keyturn.audit('login', who, json_build_object('provider', p_provider), p_now, p_ip);
    end if;
end $$;

-- Why a session is over at p_now by the rules of its life, or null. p_last: its last refresh.
create function keyturn.session_end(
    p_session auth.sessions, p_factors text, p_aal text, p_last timestamptz,
    p_now timestamptz, r keyturn.refresh_rules
) returns text language plpgsql as $$
begin
    if p_session.not_after < p_now or p_session.created_at + r.timebox < p_now then
        return 'refresh_expired';
    elsif p_last + r.inactivity < p_now then
        return 'refresh_inactive';
    elsif p_session.created_at + r.low_aal < p_now and p_aal = 'aal1'
          and p_factors ~ '"status" : "verified"' then
        return 'refresh_low_aal';
    end if;
    return null;
end $$;

-- Which client refreshes is a setting of the transaction (0050).
create or replace function keyturn.session_obstacle(
    p_session auth.sessions, p_who keyturn.account, p_aal text, p_last timestamptz,
    p_now timestamptz, r keyturn.refresh_rules
) returns text language plpgsql as $$
declare
    verdict text;
begin
    if p_who.banned_until > p_now then
        return 'refresh_banned';
    end if;
    verdict := keyturn.session_end(p_session, p_who.factors, p_aal, p_last, p_now, r);
    if verdict is not null then
        return verdict;
    elsif coalesce((keyturn.extras_of(p_session)).oauth_client_id, '')
          <> coalesce(current_setting('keyturn.oauth_client', true), '') then
        return 'invalid_client';
    elsif r.single_per_user then
        return keyturn.newer_login(p_session, p_last, p_now, r);
    end if;
    return null;
end $$;

create or replace function keyturn.finish_refresh(
    p_session uuid, p_who keyturn.account, p_revoked boolean, p_hmac_key text, p_counter bigint,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean
) returns void language plpgsql as $$
declare
    name text;
begin
    if p_hmac_key is null then
        update auth.sessions s
           set refreshed_at = p_now at time zone 'utc', updated_at = p_now,
               user_agent = nullif(p_agent, ''), ip = p_ip::inet
         where s.id = p_session;
    else
        update auth.sessions s
           set refreshed_at = p_now at time zone 'utc', updated_at = p_now,
               user_agent = nullif(p_agent, ''), ip = p_ip::inet,
               refresh_token_hmac_key = p_hmac_key, refresh_token_counter = p_counter
         where s.id = p_session;
    end if;
    if not p_audit then
        return;
    end if;
    if strpos(p_who.user_metadata, '"full_name"') > 0 then
        name := p_who.user_metadata::json ->> 'full_name';
    end if;
    -- What keyturn.audit writes, both rows at once: this is the busiest statement of all.
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(),
           json_strip_nulls(json_build_object(
               'action', a.action, 'actor_id', p_who.id, 'actor_name', nullif(name, ''),
               'actor_username', coalesce(nullif(p_who.phone, ''), p_who.email),
               'actor_via_sso', p_who.is_sso_user, 'log_type', 'token')),
           p_now, coalesce(p_ip, '')
      from (values ('token_refreshed'), ('token_revoked')) a (action)
     where p_revoked or a.action = 'token_refreshed';
end $$;
