-- The OAuth 2.1 server: clients, authorization requests, consents, codes. Rules: gotrue.md 4.2.

-- In the order of keyturn.accounts.oauth_clients.OAuthClient; lists are comma lists, as stored.
create type keyturn.oauth_client as (
    id text,
    client_type text,
    token_endpoint_auth_method text,
    redirect_uris text,
    grant_types text,
    client_name text,
    client_uri text,
    logo_uri text,
    registration_type text,
    created_at timestamptz,
    updated_at timestamptz,
    secret_hash text
);

-- GoTrue had clients before it had token_endpoint_auth_method.
create function keyturn.oauth_client_of(c auth.oauth_clients) returns keyturn.oauth_client
language sql stable as $$
    select row(
        c.id::text, c.client_type::text,
        coalesce(to_jsonb(c) ->> 'token_endpoint_auth_method',
                 case c.client_type when 'public' then 'none' else 'client_secret_basic' end),
        c.redirect_uris,
        c.grant_types, coalesce(c.client_name, ''), coalesce(c.client_uri, ''),
        coalesce(c.logo_uri, ''), c.registration_type::text, c.created_at, c.updated_at,
        coalesce(c.client_secret_hash, ''))::keyturn.oauth_client
$$;

create type keyturn.oauth_look as (
    verdict text,
    authorization_id text,
    client keyturn.oauth_client,
    redirect_uri text,
    scope text,
    state text,
    code text
);

-- The request that p_user may decide now, locked. Verdict ok or a row of keyturn.accounts.errors;
-- an expired request and somebody else's are not told from one that never was.
create function keyturn.oauth_pending(
    p_authorization text, p_user uuid, p_now timestamptz,
    out verdict text, out a auth.oauth_authorizations
) language plpgsql as $$
begin
    select o.* into a from auth.oauth_authorizations o
     where o.authorization_id = p_authorization for update;
    if a.id is not null and a.status = 'pending' and a.expires_at <= p_now then
        update auth.oauth_authorizations o set status = 'expired' where o.id = a.id;
    end if;
    if a.id is null or a.expires_at <= p_now
       or a.user_id is not null and a.user_id <> p_user
       or not exists (select from auth.oauth_clients c
                       where c.id = a.client_id and c.deleted_at is null)
    then
        verdict := 'authorization_not_found';
    elsif a.status <> 'pending' then
        verdict := 'authorization_not_pending';
    else
        verdict := 'ok';
    end if;
end $$;

create function keyturn.oauth_shown(a auth.oauth_authorizations, p_code text)
returns keyturn.oauth_look language sql stable as $$
    select row('ok', a.authorization_id, keyturn.oauth_client_of(c), a.redirect_uri, a.scope,
               coalesce(a.state, ''), coalesce(p_code, ''))::keyturn.oauth_look
      from auth.oauth_clients c where c.id = a.client_id
$$;

create function keyturn.oauth_approve(p_id uuid, p_code text, p_now timestamptz) returns void
language sql as $$
    update auth.oauth_authorizations o
       set status = 'approved', approved_at = p_now, authorization_code = p_code
     where o.id = p_id
$$;

create function keyturn.oauth_look_at(
    p_authorization text, p_user uuid, p_code text, p_now timestamptz
) returns keyturn.oauth_look language plpgsql as $$
declare
    found_request record;
    a auth.oauth_authorizations;
    answer keyturn.oauth_look;
begin
    select * into found_request from keyturn.oauth_pending(p_authorization, p_user, p_now);
    if found_request.verdict <> 'ok' then
        answer.verdict := found_request.verdict;
        return answer;
    end if;
    a := found_request.a;
    if a.user_id is not null then
        return keyturn.oauth_shown(a, null);
    end if;
    update auth.oauth_authorizations o set user_id = p_user where o.id = a.id;
    perform from auth.oauth_consents c
      where c.user_id = p_user and c.client_id = a.client_id and c.revoked_at is null
        and string_to_array(a.scope, ' ') <@ string_to_array(c.scopes, ' ');
    if found then
        perform keyturn.oauth_approve(a.id, p_code, p_now);
        return keyturn.oauth_shown(a, p_code);
    end if;
    return keyturn.oauth_shown(a, null);
end $$;

-- Whoever decides must have looked: a request without a user is nobody's to approve.
create function keyturn.oauth_decide(
    p_authorization text, p_user uuid, p_code text, p_approve boolean, p_now timestamptz
) returns keyturn.oauth_look language plpgsql as $$
declare
    found_request record;
    a auth.oauth_authorizations;
    answer keyturn.oauth_look;
begin
    select * into found_request from keyturn.oauth_pending(p_authorization, p_user, p_now);
    a := found_request.a;
    if found_request.verdict = 'ok' and a.user_id is null then
        answer.verdict := 'authorization_not_found';
        return answer;
    elsif found_request.verdict <> 'ok' then
        answer.verdict := found_request.verdict;
        return answer;
    elsif not p_approve then
        update auth.oauth_authorizations o set status = 'denied' where o.id = a.id;
        return keyturn.oauth_shown(a, null);
    end if;
    perform keyturn.oauth_approve(a.id, p_code, p_now);
    insert into auth.oauth_consents as c (id, user_id, client_id, scopes, granted_at)
    values (gen_random_uuid(), p_user, a.client_id, a.scope, p_now)
    on conflict (user_id, client_id) do update
       set scopes = excluded.scopes, granted_at = excluded.granted_at, revoked_at = null;
    return keyturn.oauth_shown(a, p_code);
end $$;

-- The row is deleted with its first right use, so that a code works once, whoever is faster.
create function keyturn.oauth_redeem(
    p_code text, p_client uuid, p_redirect text, p_resource text, p_challenges jsonb,
    p_session uuid, p_method text, p_token text, p_hmac_key text,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean,
    out verdict text, out scope text, out nonce text,
    out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
declare
    a auth.oauth_authorizations;
    entered record;
begin
    select o.* into a from auth.oauth_authorizations o
     where o.authorization_code = p_code and o.status = 'approved' for update;
    if a.id is null then
        verdict := 'unknown';
    elsif a.expires_at <= p_now then
        verdict := 'expired';
    elsif a.client_id <> p_client then
        verdict := 'client';
    elsif a.redirect_uri <> p_redirect then
        verdict := 'redirect';
    elsif p_resource <> '' and p_resource is distinct from a.resource then
        verdict := 'resource';
    elsif a.code_challenge is distinct from p_challenges ->> a.code_challenge_method::text then
        verdict := 'verifier';
    else
        select u.* into who from keyturn.account_of(a.user_id) u;
        verdict := case when who.banned_until > p_now then 'banned' else 'ok' end;
    end if;
    if verdict <> 'ok' then
        return;
    end if;
    delete from auth.oauth_authorizations o where o.id = a.id;
    select * into entered from keyturn.open_session(
        a.user_id, null, null, p_session, p_method, '', p_token, p_hmac_key, p_now, p_ip, p_agent,
        false);
    update auth.sessions s set oauth_client_id = p_client, scopes = a.scope
     where s.id = p_session;
    scope := a.scope;
    nonce := coalesce(a.nonce, '');
    -- The account as it was before: auth_time is when the user signed in, not the application.
    opened := ((entered.opened).id, (entered.opened).created_at, (entered.opened).amr,
               p_client::text, a.scope);
    if p_audit then
        perform keyturn.audit(
            'login', who,
            json_build_object('provider_type', 'oauth_provider_authorization_code',
                              'client_id', p_client), p_now, p_ip);
    end if;
end $$;

-- Which client refreshes is a setting of the transaction: the rules of 0022 stay where they are.
create or replace function keyturn.session_obstacle(
    p_session auth.sessions, p_who keyturn.account, p_aal text, p_last timestamptz,
    p_now timestamptz, r keyturn.refresh_rules
) returns text language plpgsql as $$
begin
    if p_who.banned_until > p_now then
        return 'refresh_banned';
    elsif p_session.not_after < p_now or p_session.created_at + r.timebox < p_now then
        return 'refresh_expired';
    elsif p_last + r.inactivity < p_now then
        return 'refresh_inactive';
    elsif p_session.created_at + r.low_aal < p_now and p_aal = 'aal1'
          and p_who.factors ~ '"status" : "verified"' then
        return 'refresh_low_aal';
    elsif coalesce(p_session.oauth_client_id::text, '')
          <> coalesce(current_setting('keyturn.oauth_client', true), '') then
        return 'invalid_client';
    elsif r.single_per_user then
        return keyturn.newer_login(p_session, p_last, p_now, r);
    end if;
    return null;
end $$;

create function keyturn.oauth_refresh_v1(
    p_client text, p_token text, p_new_token text, p_new_key text, p_now timestamptz, p_ip text,
    p_agent text, r keyturn.refresh_rules
) returns keyturn.refreshed language plpgsql as $$
begin
    perform set_config('keyturn.oauth_client', p_client, true);
    return keyturn.refresh_v1(p_token, p_new_token, p_new_key, p_now, p_ip, p_agent, r);
end $$;

create function keyturn.oauth_refresh_v2(
    p_client text, p_session uuid, p_counter bigint, p_signed bytea, p_tag bytea,
    p_now timestamptz, p_ip text, p_agent text, r keyturn.refresh_rules, p_key text
) returns keyturn.refreshed language plpgsql as $$
begin
    perform set_config('keyturn.oauth_client', p_client, true);
    return keyturn.refresh_v2(p_session, p_counter, p_signed, p_tag, p_now, p_ip, p_agent, r, p_key);
end $$;

create function keyturn.oauth_revoke(
    p_user uuid, p_client uuid, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    who keyturn.account;
begin
    update auth.oauth_consents c set revoked_at = greatest(p_now, c.granted_at)
     where c.user_id = p_user and c.client_id = p_client and c.revoked_at is null;
    if not found then
        return false;
    end if;
    delete from auth.sessions s where s.user_id = p_user and s.oauth_client_id = p_client;
    -- A code that was approved and not yet used would open a session again.
    delete from auth.oauth_authorizations a
     where a.user_id = p_user and a.client_id = p_client and a.status in ('pending', 'approved');
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            'token_revoked', who,
            json_build_object('oauth_client_id', p_client, 'action', 'revoke_oauth_grant'),
            p_now, p_ip);
    end if;
    return true;
end $$;
