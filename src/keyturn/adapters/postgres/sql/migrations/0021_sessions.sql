-- Opening and ending sessions. Each function is one transaction's work.

create function keyturn.open_session(
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
    insert into auth.sessions (
        id, user_id, created_at, updated_at, aal, user_agent, ip,
        refresh_token_hmac_key, refresh_token_counter)
    values (
        p_session, p_user, p_now, p_now, 'aal1', nullif(p_agent, ''), p_ip::inet,
        p_hmac_key, case when p_hmac_key is not null then 0 end);
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

create function keyturn.add_token(
    p_token text, p_parent text, p_session uuid, p_user uuid, p_revoked boolean, p_now timestamptz
) returns void language plpgsql as $$
begin
    insert into auth.refresh_tokens (
        instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
    values (
        '00000000-0000-0000-0000-000000000000', p_token, p_user::text, p_revoked, p_now, p_now,
        p_parent, p_session);
end $$;

-- Scope: local this session, others all but this one, global all.
create function keyturn.sign_out(
    p_user uuid, p_session uuid, p_scope text, p_now timestamptz, p_ip text, p_audit boolean
) returns void language plpgsql as $$
declare
    who keyturn.account;
begin
    delete from auth.sessions s
     where s.user_id = p_user
       and case p_scope
               when 'local' then s.id = p_session
               when 'others' then s.id <> p_session
               else true
           end;
    if p_scope = 'global' then
        -- Tokens from before there were sessions have nothing to cascade from.
        delete from auth.refresh_tokens t where t.user_id = p_user::text and t.session_id is null;
    end if;
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        if found then
            perform keyturn.audit('logout', who, null, p_now, p_ip);
        end if;
    end if;
end $$;
