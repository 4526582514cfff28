-- Signing in with another provider: flows, and which account an identity belongs to.

-- Who proved p_identity (provider, sub, emails, data) enters an account, by GoTrue's linking rules
-- (models/linking.go): the identity's own; the one with a verified address in common; a new one.
-- p_new: id, aud, role, for a new account; p_signup: whether there may be one. Verdict: ok or the
-- name of a row in keyturn.accounts.errors; created tells a new account.
create function keyturn.external_account(
    p_identity jsonb, p_new jsonb, p_signup boolean, p_autoconfirm boolean, p_now timestamptz,
    p_ip text, p_audit boolean,
    out verdict text, out user_id uuid, out created boolean
) language plpgsql as $$
#variable_conflict use_column
declare
    known auth.identities;
    owner auth.users;
    owners uuid[];
    verified text[];
    address text := lower(p_identity ->> 'email');
    trusted boolean := p_autoconfirm or coalesce((p_identity ->> 'email_verified')::boolean, false);
    who keyturn.account;
begin
    created := false;
    -- Two callbacks of one person at once must not make two accounts.
    perform pg_advisory_xact_lock(hashtextextended(
        coalesce(nullif(address, ''), (p_identity ->> 'provider') || (p_identity ->> 'sub')), 0));
    select array_agg(lower(e ->> 'email')) into verified
      from jsonb_array_elements(p_identity -> 'emails') e
     where p_autoconfirm or (e ->> 'verified')::boolean;
    select i.* into known from auth.identities i
     where i.provider = p_identity ->> 'provider' and i.provider_id = p_identity ->> 'sub';
    if known.id is not null then
        update auth.identities i
           set identity_data = p_identity -> 'data', last_sign_in_at = p_now, updated_at = p_now
         where i.id = known.id;
        user_id := known.user_id;
    elsif verified is not null then
        select array_agg(distinct o.id) into owners from (
            select i.user_id as id from auth.identities i
             where i.email = any (verified) and i.provider not like 'sso:%'
            union
            select u.id from auth.users u
             where lower(u.email) = any (verified) and not u.is_sso_user
               and not exists (select from auth.identities i
                                where i.email = any (verified) and i.provider not like 'sso:%')) o;
        if cardinality(owners) > 1 then
            verdict := 'external_several';
            return;
        end if;
        user_id := owners[1];
    elsif exists (select from auth.users u
                   where lower(u.email) = address and not u.is_sso_user) then
        -- An address that nobody has verified claims nothing: the new account goes without it.
        address := '';
    end if;
    if user_id is null then
        if not p_signup then
            verdict := 'external_signup_disabled';
            return;
        end if;
        created := true;
        user_id := (p_new ->> 'id')::uuid;
        insert into auth.users (
            instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data,
            raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token,
            email_change_token_new, email_change)
        values (
            '00000000-0000-0000-0000-000000000000', user_id, p_new ->> 'aud', p_new ->> 'role',
            nullif(address, ''), '',
            jsonb_build_object('provider', p_identity -> 'provider',
                               'providers', jsonb_build_array(p_identity -> 'provider')),
            p_identity -> 'data', p_now, p_now, '', '', '', '');
    end if;
    select u.* into owner from auth.users u where u.id = user_id for update;
    if owner.banned_until > p_now then
        verdict := 'external_banned';
        return;
    end if;
    if known.id is null then
        insert into auth.identities (
            provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
        values (
            p_identity ->> 'sub', user_id, p_identity -> 'data', p_identity ->> 'provider',
            p_now, p_now, p_now);
    end if;
    perform keyturn.external_settle(owner, p_identity, created, trusted, p_now);
    select u.* into owner from auth.users u where u.id = user_id;
    if owner.email_confirmed_at is null and owner.phone_confirmed_at is null
       and coalesce(owner.email, '') <> '' then
        verdict := 'external_unverified';
        return;
    end if;
    verdict := 'ok';
    if p_audit and created then
        select a.* into who from keyturn.account_of(user_id) a;
        perform keyturn.audit(
            'user_signedup', who, json_build_object('provider', p_identity ->> 'provider'), p_now, p_ip);
    end if;
end $$;

-- An account that nobody confirmed may have been prepared by somebody else: what they could sign in
-- with goes before the address counts (GoTrue's RemoveUnconfirmedIdentities).
create function keyturn.external_settle(
    p_owner auth.users, p_identity jsonb, p_created boolean, p_trusted boolean, p_now timestamptz
) returns void language plpgsql as $$
declare
    unconfirmed boolean := p_owner.email_confirmed_at is null and p_owner.phone_confirmed_at is null;
begin
    if not p_created and unconfirmed and not p_owner.is_anonymous then
        update auth.users u
           set encrypted_password = '', phone = null, raw_user_meta_data = '{}', updated_at = p_now
         where u.id = p_owner.id;
        delete from auth.identities i
         where i.user_id = p_owner.id
           and not (i.provider = p_identity ->> 'provider'
                    and i.provider_id = p_identity ->> 'sub');
        delete from auth.sessions s where s.user_id = p_owner.id;
    end if;
    perform keyturn.list_providers(p_owner.id);
    update auth.users u
       set raw_user_meta_data = coalesce(u.raw_user_meta_data, '{}') || (p_identity -> 'data'),
           is_anonymous = false, updated_at = p_now
     where u.id = p_owner.id;
    if unconfirmed and p_trusted and p_owner.email = lower(p_identity ->> 'email') then
        perform keyturn.confirm(p_owner.id, true, false, p_now);
    end if;
end $$;

-- The callback of a flow: p_flow gets its user and the provider's tokens (PKCE), or a session opens.
create function keyturn.external_enter(
    p_flow uuid, p_identity jsonb, p_new jsonb, p_signup boolean, p_autoconfirm boolean,
    p_tokens jsonb, p_session uuid, p_token text, p_hmac_key text, p_now timestamptz, p_ip text,
    p_agent text, p_audit boolean,
    out verdict text, out auth_code text, out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
declare
    found_account record;
    flow auth.flow_state;
    entered record;
begin
    if p_flow is not null then
        -- A state is used once: whoever comes second finds it gone or taken.
        select f.* into flow from auth.flow_state f
         where f.id = p_flow and f.user_id is null for update;
        if flow.id is null then
            verdict := 'oauth_state_invalid';
            return;
        end if;
    end if;
    select * into found_account from keyturn.external_account(
        p_identity, p_new, p_signup, p_autoconfirm, p_now, p_ip, p_audit);
    verdict := found_account.verdict;
    if verdict <> 'ok' then
        return;
    end if;
    if flow.code_challenge <> '' then
        update auth.flow_state f
           set user_id = found_account.user_id, auth_code_issued_at = p_now, updated_at = p_now,
               provider_access_token = p_tokens ->> 'access_token',
               provider_refresh_token = p_tokens ->> 'refresh_token'
         where f.id = flow.id;
        auth_code := flow.auth_code;
        select a.* into who from keyturn.account_of(found_account.user_id) a;
        return;
    end if;
    delete from auth.flow_state f where f.id = flow.id;
    select * into entered from keyturn.open_session(
        found_account.user_id, null, null, p_session, 'oauth', p_identity ->> 'provider', p_token,
        p_hmac_key, p_now, p_ip, p_agent, p_audit and not found_account.created);
    who := entered.who;
    opened := entered.opened;
end $$;
