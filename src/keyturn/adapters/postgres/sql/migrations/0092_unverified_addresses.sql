-- As in GoTrue, who comes with an address that their provider has not verified gets an account that
-- waits for its confirmation by mail, and enters it meanwhile only where that is allowed
-- (p_identity.unverified: GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS). An address that is
-- somebody's is nobody else's: then there is no account either.

create or replace function keyturn.external_account(
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
        if not coalesce((p_identity ->> 'unverified')::boolean, false) then
            verdict := 'external_unverified';
            return;
        end if;
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

drop function keyturn.external_enter(
    uuid, jsonb, jsonb, boolean, boolean, jsonb, uuid, text, text, timestamptz, text, text, boolean);

-- As migration 0080 has it. unverified: the account (who) still waits for its confirmation; the
-- verdict is ok where that is allowed.
create function keyturn.external_enter(
    p_flow uuid, p_identity jsonb, p_new jsonb, p_signup boolean, p_autoconfirm boolean,
    p_tokens jsonb, p_session uuid, p_token text, p_hmac_key text, p_now timestamptz, p_ip text,
    p_agent text, p_audit boolean,
    out verdict text, out auth_code text, out who keyturn.account, out opened keyturn.session_facts,
    out linked boolean, out unverified boolean
) language plpgsql as $$
declare
    found_account record;
    flow auth.flow_state;
    context keyturn.flow_context;
    entered record;
    target uuid := (p_identity ->> 'target')::uuid;
    known boolean;
    owner uuid;
    created boolean := false;
begin
    unverified := false;
    if p_flow is not null then
        -- A state is used once: whoever comes second finds it gone or taken.
        select f.* into flow from auth.flow_state f
         where f.id = p_flow and f.user_id is null for update;
        if flow.id is null then
            verdict := 'oauth_state_invalid';
            return;
        end if;
        context := keyturn.context_of(flow);
        target := context.linking_target_id;
    end if;
    known := exists (select from auth.identities i where i.provider = p_identity ->> 'provider'
                                                     and i.provider_id = p_identity ->> 'sub');
    if target is not null then
        verdict := keyturn.external_link(target, p_identity, p_autoconfirm, p_now);
        owner := target;
    elsif coalesce(context.invite_token, '') <> '' then
        select i.verdict, i.user_id into verdict, owner from keyturn.external_invited(
            context.invite_token, p_identity, p_now, p_ip, p_audit) i;
    else
        select * into found_account from keyturn.external_account(
            p_identity, p_new, p_signup, p_autoconfirm, p_now, p_ip, p_audit);
        verdict := found_account.verdict;
        owner := found_account.user_id;
        created := coalesce(found_account.created, false);
        if verdict = 'external_unverified' and owner is not null then
            unverified := true;
            if (p_identity ->> 'unverified')::boolean then
                verdict := 'ok';
            else
                select a.* into who from keyturn.account_of(owner) a;
            end if;
        end if;
    end if;
    if verdict <> 'ok' then
        return;
    end if;
    linked := not known and not created;
    delete from keyturn.flow_contexts c where c.flow_id = flow.id;
    if flow.code_challenge <> '' then
        update auth.flow_state f
           set user_id = owner, auth_code_issued_at = p_now, updated_at = p_now,
               provider_access_token = p_tokens ->> 'access_token',
               provider_refresh_token = p_tokens ->> 'refresh_token'
         where f.id = flow.id;
        auth_code := flow.auth_code;
        select a.* into who from keyturn.account_of(owner) a;
        return;
    end if;
    delete from auth.flow_state f where f.id = flow.id;
    select * into entered from keyturn.open_session(
        owner, null, null, p_session, 'oauth', p_identity ->> 'provider', p_token,
        p_hmac_key, p_now, p_ip, p_agent, p_audit and not created);
    who := entered.who;
    opened := entered.opened;
end $$;
