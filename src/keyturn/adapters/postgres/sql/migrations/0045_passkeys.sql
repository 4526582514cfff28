-- Passkeys: ceremonies, credentials, and signing in with one.

-- Whoever asks for a challenge leaves a row: those that expired a day ago go now and then.
create function keyturn.start_ceremony(
    p_id uuid, p_user uuid, p_type text, p_session jsonb, p_now timestamptz, p_expires timestamptz
) returns void language plpgsql as $$
begin
    insert into auth.webauthn_challenges (
        id, user_id, challenge_type, session_data, created_at, expires_at)
    values (p_id, p_user, p_type, p_session, p_now, p_expires);
    if random() < 0.02 then
        delete from auth.webauthn_challenges
         where id in (select o.id from auth.webauthn_challenges o
                       where o.expires_at < p_now - interval '1 day'
                       limit 1000 for update skip locked);
    end if;
end $$;

-- p_new: id, credential_id, public_key (base64), aaguid, sign_count, transports, attestation_type,
-- backup_eligible, backed_up. Answers ok or the name of an error row.
create function keyturn.add_passkey(
    p_user uuid, p_challenge uuid, p_new jsonb, p_most integer, p_now timestamptz, p_ip text,
    p_audit boolean
) returns text language plpgsql as $$
declare
    who keyturn.account;
begin
    perform from auth.users u where u.id = p_user for update;
    delete from auth.webauthn_challenges c where c.id = p_challenge and c.user_id = p_user;
    if not found then
        return 'ceremony_not_found';
    elsif (select count(*) from auth.webauthn_credentials k where k.user_id = p_user) >= p_most then
        return 'too_many_passkeys';
    end if;
    insert into auth.webauthn_credentials (
        id, user_id, credential_id, public_key, attestation_type, aaguid, sign_count, transports,
        backup_eligible, backed_up, created_at, updated_at)
    values (
        (p_new ->> 'id')::uuid, p_user, decode(p_new ->> 'credential_id', 'base64'),
        decode(p_new ->> 'public_key', 'base64'), p_new ->> 'attestation_type',
        (p_new ->> 'aaguid')::uuid, (p_new ->> 'sign_count')::bigint, p_new -> 'transports',
        (p_new ->> 'backup_eligible')::boolean, (p_new ->> 'backed_up')::boolean, p_now, p_now)
        on conflict (credential_id) do nothing;
    if not found then
        return 'passkey_exists';
    end if;
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            'passkey_created', who, json_build_object('passkey_id', p_new -> 'id'), p_now, p_ip);
    end if;
    return 'ok';
end $$;

-- Uses a challenge up, whether or not what follows is right, and finds whose credential it is.
create function keyturn.use_ceremony(
    p_challenge uuid, p_credential bytea,
    out session text, out expires_at timestamptz, out passkey_id text, out user_id text,
    out public_key bytea, out sign_count bigint, out who keyturn.account
) language plpgsql as $$
begin
    delete from auth.webauthn_challenges c
     where c.id = p_challenge and c.challenge_type = 'authentication'
    returning c.session_data::text, c.expires_at into session, expires_at;
    if not found then
        return;
    end if;
    select k.id::text, k.user_id::text, k.public_key, k.sign_count
      into passkey_id, user_id, public_key, sign_count
      from auth.webauthn_credentials k where k.credential_id = p_credential;
    if found then
        select a.* into who from keyturn.account_of(user_id::uuid) a;
    end if;
end $$;

create function keyturn.passkey_sign_in(
    p_passkey uuid, p_user uuid, p_count bigint, p_backed_up boolean, p_session uuid, p_token text,
    p_hmac_key text, p_now timestamptz, p_ip text, p_agent text, p_audit boolean,
    out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
declare
    entered record;
begin
    -- Of two racing answers with counters, the later one is the truth.
    update auth.webauthn_credentials k
       set sign_count = greatest(k.sign_count, p_count), backed_up = p_backed_up,
           last_used_at = p_now, updated_at = p_now
     where k.id = p_passkey and k.user_id = p_user;
    if not found then
        return;
    end if;
    select * into entered
      from keyturn.open_session(
               p_user, null, null, p_session, 'passkey', 'passkey', p_token, p_hmac_key, p_now,
               p_ip, p_agent, false);
    who := entered.who;
    opened := entered.opened;
    if p_audit then
        perform keyturn.audit(
            'login', who, json_build_object('passkey_id', p_passkey), p_now, p_ip);
    end if;
end $$;

-- A null name deletes. p_actor: an administrator; null: the user. Null: there is no such passkey.
create function keyturn.change_passkey(
    p_user uuid, p_passkey uuid, p_name text, p_actor jsonb, p_now timestamptz, p_ip text,
    p_audit boolean
) returns boolean language plpgsql as $$
declare
    action text := case when p_name is null then 'passkey_deleted' else 'passkey_updated' end;
    who keyturn.account;
begin
    if p_name is null then
        delete from auth.webauthn_credentials k where k.id = p_passkey and k.user_id = p_user;
    else
        update auth.webauthn_credentials k set friendly_name = p_name, updated_at = p_now
         where k.id = p_passkey and k.user_id = p_user;
    end if;
    if not found then
        return false;
    end if;
    if p_audit and p_actor is null then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            action, who, json_build_object('passkey_id', p_passkey), p_now, p_ip);
    elsif p_audit then
        perform keyturn.audit_by(
            action, p_actor, json_build_object('user_id', p_user, 'passkey_id', p_passkey),
            p_now, p_ip);
    end if;
    return true;
end $$;
