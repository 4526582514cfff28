-- Factors with every member that GoTrue shows, on tables of any age (0070).

create or replace function keyturn.account_of(p_id uuid) returns setof keyturn.account
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
                    'last_challenged_at', f.last_challenged_at,
                    'web_authn_aaguid', f.web_authn_aaguid,
                    'last_webauthn_challenge_data',
                    to_jsonb(f) -> 'last_webauthn_challenge_data') order by f.created_at, f.id)::text
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

create or replace function keyturn.replace_pair(
    p_session uuid, p_new_token text, p_who keyturn.account, p_now timestamptz, p_ip text,
    p_audit boolean,
    out token text, out hmac_key text, out counter bigint
) language plpgsql as $$
declare
    last record;
    e keyturn.session_extras;
begin
    select x.* into e from auth.sessions s, keyturn.extras_of(s) x where s.id = p_session;
    hmac_key := e.refresh_token_hmac_key;
    if hmac_key is not null then
        counter := coalesce(e.refresh_token_counter, 0) + 2;
        update auth.sessions s set refresh_token_counter = counter where s.id = p_session;
    else
        select t.id, t.token into last from auth.refresh_tokens t
         where t.session_id = p_session and t.revoked is not true order by t.id desc limit 1;
        update auth.refresh_tokens t set revoked = true, updated_at = p_now
         where t.session_id = p_session and t.revoked is not true;
        perform keyturn.add_token(
            p_new_token, last.token, p_session, p_who.id::uuid, false, p_now);
        token := p_new_token;
        if p_audit then
            perform keyturn.audit('token_revoked', p_who, null, p_now, p_ip);
        end if;
    end if;
    -- Not refreshed_at: near it, a version 2 token may be used again.
    update auth.sessions s set updated_at = p_now where s.id = p_session;
end $$;

create or replace function keyturn.verify_factor(
    p_user uuid, p_session uuid, p_factor uuid, p_challenge uuid, p_proof jsonb, p_new_token text,
    p_now timestamptz, p_ip text, p_audit boolean
) returns keyturn.refreshed language plpgsql as $$
declare
    x keyturn.refreshed;
    pair record;
    s auth.sessions;
begin
    select * into s from auth.sessions k where k.id = p_session and k.user_id = p_user for update;
    if not found then
        x.verdict := 'jwt_session_not_found';
        return x;
    end if;
    if p_proof ->> 'method' = 'mfa/webauthn' then
        delete from auth.mfa_challenges c where c.id = p_challenge and c.factor_id = p_factor;
    else
        update auth.mfa_challenges c set verified_at = p_now
         where c.id = p_challenge and c.factor_id = p_factor and c.verified_at is null;
    end if;
    if not found then  -- somebody else used it while we compared
        x.verdict := 'factor_ip_mismatch';
        return x;
    end if;
    update auth.mfa_factors f
       set updated_at = case when f.status = 'verified' and not p_proof ? 'last_challenge'
                             then f.updated_at else p_now end,
           status = 'verified',
           secret = coalesce(p_proof ->> 'secret', f.secret),
           web_authn_credential = coalesce(p_proof -> 'credential', f.web_authn_credential),
           web_authn_aaguid = coalesce((p_proof ->> 'aaguid')::uuid, f.web_authn_aaguid)
     where f.id = p_factor and f.user_id = p_user;
    if p_proof ? 'last_challenge' and exists (
        select from pg_attribute a
         where a.attrelid = 'auth.mfa_factors'::regclass
           and a.attname = 'last_webauthn_challenge_data' and not a.attisdropped)
    then
        update auth.mfa_factors f set last_webauthn_challenge_data = p_proof -> 'last_challenge'
         where f.id = p_factor and f.user_id = p_user;
    end if;
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    values (gen_random_uuid(), p_session, p_now, p_now, p_proof ->> 'method')
        on conflict on constraint mfa_amr_claims_session_id_authentication_method_pkey
        do update set updated_at = p_now;
    update auth.sessions k set aal = 'aal2', factor_id = p_factor where k.id = p_session;
    delete from auth.sessions k where k.user_id = p_user and k.aal < 'aal2';
    delete from auth.mfa_factors f
     where f.user_id = p_user and f.status = 'unverified'
       and f.factor_type = (p_proof ->> 'factor_type')::auth.factor_type;
    x.who := (select a from keyturn.account_of(p_user) a);
    if p_audit then
        perform keyturn.audit(
            'verification_attempted', x.who,
            json_build_object('factor_id', p_factor, 'challenge_id', p_challenge,
                              'factor_type', p_proof ->> 'factor_type'),
            p_now, p_ip);
    end if;
    select * into pair
      from keyturn.replace_pair(p_session, p_new_token, x.who, p_now, p_ip, p_audit);
    x.verdict := 'ok';
    x.cause := '';
    x.token := pair.token;
    x.hmac_key := pair.hmac_key;
    x.counter := pair.counter;
    x.opened := keyturn.session_facts_of(s, (select m.amr from keyturn.amr_of(p_session) m));
    return x;
end $$;
