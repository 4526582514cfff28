-- Who a provider's user is, when that was decided beforehand: a signed-in user who links an identity
-- (flow_state.linking_target_id), or a guest with an invitation (flow_state.invite_token).

-- p_target links an identity to the own account. Verdict: ok or the name of an error row. As in
-- GoTrue an account without an address gets the identity's; one that is not verified is refused.
create function keyturn.external_link(
    p_target uuid, p_identity jsonb, p_autoconfirm boolean, p_now timestamptz
) returns text language plpgsql as $$
declare
    owner auth.users;
    holder uuid;
    address text := lower(coalesce(p_identity ->> 'email', ''));
    trusted boolean := p_autoconfirm or coalesce((p_identity ->> 'email_verified')::boolean, false);
begin
    select u.* into owner from auth.users u where u.id = p_target for update;
    if owner.id is null then
        return 'link_target_gone';
    elsif owner.banned_until > p_now then
        return 'external_banned';
    end if;
    select i.user_id into holder from auth.identities i
     where i.provider = p_identity ->> 'provider' and i.provider_id = p_identity ->> 'sub';
    if holder is not null then
        return case when holder = p_target then 'identity_is_linked' else 'identity_exists' end;
    end if;
    if coalesce(owner.email, '') = '' and address <> '' then
        if not trusted then
            return 'external_unverified';
        elsif exists (select from auth.users u
                       where lower(u.email) = address and not u.is_sso_user) then
            return 'link_email_exists';
        end if;
        update auth.users u set email = address, is_anonymous = false where u.id = p_target;
        perform keyturn.confirm(p_target, true, false, p_now);
    end if;
    insert into auth.identities (
        provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values (
        p_identity ->> 'sub', p_target, p_identity -> 'data', p_identity ->> 'provider',
        p_now, p_now, p_now);
    perform keyturn.list_providers(p_target);
    return 'ok';
end $$;

-- A guest accepts an invitation with an identity that has the invited address: the invitation went
-- there, so the address counts as confirmed.
create function keyturn.external_invited(
    p_token text, p_identity jsonb, p_now timestamptz, p_ip text, p_audit boolean,
    out verdict text, out user_id uuid
) language plpgsql as $$
#variable_conflict use_column
declare
    owner auth.users;
    who keyturn.account;
begin
    select u.* into owner from auth.one_time_tokens o join auth.users u on u.id = o.user_id
     where o.token_hash = p_token and o.token_type = 'confirmation_token' for update of u;
    if owner.id is null then
        verdict := 'invite_not_found';
        return;
    elsif owner.banned_until > p_now then
        verdict := 'external_banned';
        return;
    elsif not exists (select from jsonb_array_elements(p_identity -> 'emails') e
                       where lower(e ->> 'email') = lower(owner.email)) then
        verdict := 'invite_email_differs';
        return;
    elsif exists (select from auth.identities i
                   where i.provider = p_identity ->> 'provider'
                     and i.provider_id = p_identity ->> 'sub') then
        verdict := 'identity_exists';
        return;
    end if;
    insert into auth.identities (
        provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values (
        p_identity ->> 'sub', owner.id, p_identity -> 'data', p_identity ->> 'provider',
        p_now, p_now, p_now);
    perform keyturn.external_settle(owner, p_identity, false, false, p_now);
    perform keyturn.confirm(owner.id, true, false, p_now);
    if p_audit then
        select a.* into who from keyturn.account_of(owner.id) a;
        perform keyturn.audit(
            'invite_accepted', who, json_build_object('provider', p_identity ->> 'provider'), p_now,
            p_ip);
    end if;
    verdict := 'ok';
    user_id := owner.id;
end $$;

drop function keyturn.external_enter(
    uuid, jsonb, jsonb, boolean, boolean, jsonb, uuid, text, text, timestamptz, text, text, boolean);

-- As migration 0051 has it, and p_identity.target: who links by an ID token. linked: an account that
-- was there got an identity.
create function keyturn.external_enter(
    p_flow uuid, p_identity jsonb, p_new jsonb, p_signup boolean, p_autoconfirm boolean,
    p_tokens jsonb, p_session uuid, p_token text, p_hmac_key text, p_now timestamptz, p_ip text,
    p_agent text, p_audit boolean,
    out verdict text, out auth_code text, out who keyturn.account, out opened keyturn.session_facts,
    out linked boolean
) language plpgsql as $$
declare
    found_account record;
    flow auth.flow_state;
    entered record;
    target uuid := (p_identity ->> 'target')::uuid;
    known boolean;
    owner uuid;
    created boolean := false;
begin
    if p_flow is not null then
        -- A state is used once: whoever comes second finds it gone or taken.
        select f.* into flow from auth.flow_state f
         where f.id = p_flow and f.user_id is null for update;
        if flow.id is null then
            verdict := 'oauth_state_invalid';
            return;
        end if;
        target := flow.linking_target_id;
    end if;
    known := exists (select from auth.identities i where i.provider = p_identity ->> 'provider'
                                                     and i.provider_id = p_identity ->> 'sub');
    if target is not null then
        verdict := keyturn.external_link(target, p_identity, p_autoconfirm, p_now);
        owner := target;
    elsif coalesce(flow.invite_token, '') <> '' then
        select i.verdict, i.user_id into verdict, owner from keyturn.external_invited(
            flow.invite_token, p_identity, p_now, p_ip, p_audit) i;
    else
        select * into found_account from keyturn.external_account(
            p_identity, p_new, p_signup, p_autoconfirm, p_now, p_ip, p_audit);
        verdict := found_account.verdict;
        owner := found_account.user_id;
        created := coalesce(found_account.created, false);
    end if;
    if verdict <> 'ok' then
        return;
    end if;
    linked := not known and not created;
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
