-- Second factors: enrolling, challenging, verifying, removing. Rules and order: GoTrue 2.196.

-- p_factor: id, type, friendly_name, secret, phone. Answers ok or the name of an error row.
create function keyturn.enroll_factor(
    p_user uuid, p_factor jsonb, p_aal text, p_most_enrolled integer, p_most_verified integer,
    p_expiry interval, p_now timestamptz, p_ip text, p_audit boolean
) returns text language plpgsql as $$
declare
    had record;
    who keyturn.account;
begin
    -- One enrolment of a user at a time: the counts below must hold.
    perform from auth.users u where u.id = p_user for update;
    if exists (select from auth.mfa_factors f
                where f.user_id = p_user and f.phone = p_factor ->> 'phone' and f.status = 'verified') then
        return 'factor_phone_verified';
    end if;
    delete from auth.mfa_factors f
     where f.user_id = p_user and f.status = 'unverified'
       and (f.phone = p_factor ->> 'phone'
            or f.created_at + p_expiry < p_now
               and not exists (select from auth.mfa_challenges c where c.factor_id = f.id));
    select count(*) as enrolled, count(*) filter (where f.status = 'verified') as verified,
           coalesce(bool_or(coalesce(f.friendly_name, '') = p_factor ->> 'friendly_name'), false) as named
      into had
      from auth.mfa_factors f where f.user_id = p_user;
    if had.named then
        return 'factor_name_conflict';
    elsif had.enrolled >= p_most_enrolled or had.verified >= p_most_verified then
        return 'too_many_factors';
    elsif had.verified > 0 and p_aal <> 'aal2' then
        return 'enroll_needs_aal2';
    end if;
    insert into auth.mfa_factors (
        id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret, phone)
    values (
        (p_factor ->> 'id')::uuid, p_user, p_factor ->> 'friendly_name',
        (p_factor ->> 'type')::auth.factor_type, 'unverified', p_now, p_now,
        coalesce(p_factor ->> 'secret', ''), p_factor ->> 'phone');
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            'factor_in_progress', who,
            json_build_object('factor_id', p_factor -> 'id', 'factor_type', p_factor -> 'type'),
            p_now, p_ip);
    end if;
    return 'ok';
end $$;

-- A challenge and the time of it. False: the factor is gone. The time is unique over all factors,
-- so a coinciding one is moved by microseconds.
create function keyturn.challenge_factor(
    p_user uuid, p_factor uuid, p_challenge uuid, p_otp text, p_session jsonb,
    p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    state text;
    who keyturn.account;
    moment timestamptz := p_now;
begin
    select f.status into state from auth.mfa_factors f
     where f.id = p_factor and f.user_id = p_user for update;
    if not found then
        return false;
    end if;
    insert into auth.mfa_challenges (
        id, factor_id, created_at, ip_address, otp_code, web_authn_session_data)
    values (p_challenge, p_factor, p_now, coalesce(p_ip, '0.0.0.0')::inet, p_otp, p_session);
    loop
        begin
            update auth.mfa_factors f set last_challenged_at = moment where f.id = p_factor;
            exit;
        exception when unique_violation then
            moment := moment + interval '1 microsecond' * (1 + floor(random() * 1000));
        end;
    end loop;
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            'challenge_created', who,
            json_build_object('factor_id', p_factor, 'factor_status', state), p_now, p_ip);
    end if;
    return true;
end $$;

-- The pair of a session is replaced: whoever copied the old one gets nothing at the new level.
create function keyturn.replace_pair(
    p_session uuid, p_new_token text, p_who keyturn.account, p_now timestamptz, p_ip text,
    p_audit boolean,
    out token text, out hmac_key text, out counter bigint
) language plpgsql as $$
declare
    last record;
begin
    select s.refresh_token_hmac_key, s.refresh_token_counter into hmac_key, counter
      from auth.sessions s where s.id = p_session;
    if hmac_key is not null then
        counter := coalesce(counter, 0) + 2;
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
    update auth.sessions s set updated_at = p_now, refresh_token_counter = counter
     where s.id = p_session;
end $$;

-- The factor was proven in p_session. p_proof: factor_type, method, and what has to be stored
-- (secret, credential, aaguid, last_challenge). Verdict: ok or the name of an error row.
create function keyturn.verify_factor(
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
           web_authn_aaguid = coalesce((p_proof ->> 'aaguid')::uuid, f.web_authn_aaguid),
           last_webauthn_challenge_data = coalesce(
               p_proof -> 'last_challenge', f.last_webauthn_challenge_data)
     where f.id = p_factor and f.user_id = p_user;
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
    x.opened := (p_session::text, s.created_at, (select m.amr from keyturn.amr_of(p_session) m),
                 s.oauth_client_id::text, s.scopes);
    return x;
end $$;

-- Sessions that were lifted by the factor fall back to the first level with it.
create function keyturn.drop_factor(p_user uuid, p_factor uuid, p_now timestamptz)
returns auth.mfa_factors language plpgsql as $$
declare
    gone auth.mfa_factors;
begin
    delete from auth.mfa_factors f where f.id = p_factor and f.user_id = p_user returning * into gone;
    if not found then
        return null;
    end if;
    delete from auth.mfa_amr_claims c
     using auth.sessions s
     where s.id = c.session_id and s.user_id = p_user and s.factor_id = p_factor
       and c.authentication_method in (gone.factor_type::text, 'mfa/' || gone.factor_type::text);
    update auth.sessions s set factor_id = null, aal = 'aal1', updated_at = p_now
     where s.user_id = p_user and s.factor_id = p_factor;
    return gone;
end $$;

-- Answers false when the factor is already gone.
create function keyturn.unenroll_factor(
    p_user uuid, p_factor uuid, p_session uuid, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    gone auth.mfa_factors;
    who keyturn.account;
begin
    gone := keyturn.drop_factor(p_user, p_factor, p_now);
    if gone.id is null then
        return false;
    end if;
    if p_audit then
        select a.* into who from keyturn.account_of(p_user) a;
        perform keyturn.audit(
            'factor_unenrolled', who,
            json_build_object('factor_id', gone.id, 'factor_status', gone.status,
                              'session_id', p_session),
            p_now, p_ip);
    end if;
    return true;
end $$;

-- By an administrator; p_change: friendly_name, phone. Answers false when there is no such factor.
create function keyturn.admin_change_factor(
    p_user uuid, p_factor uuid, p_change jsonb, p_actor jsonb, p_now timestamptz, p_ip text,
    p_audit boolean
) returns boolean language plpgsql as $$
declare
    kind text;
begin
    update auth.mfa_factors f
       set friendly_name = coalesce(p_change ->> 'friendly_name', f.friendly_name),
           phone = coalesce(p_change ->> 'phone', f.phone), updated_at = p_now
     where f.id = p_factor and f.user_id = p_user
    returning f.factor_type into kind;
    if kind is null then
        return false;
    end if;
    if p_audit then
        perform keyturn.audit_by(
            'factor_updated', p_actor,
            json_build_object('user_id', p_user, 'factor_id', p_factor, 'factor_type', kind),
            p_now, p_ip);
    end if;
    return true;
end $$;

create function keyturn.admin_delete_factor(
    p_user uuid, p_factor uuid, p_actor jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    gone auth.mfa_factors;
begin
    gone := keyturn.drop_factor(p_user, p_factor, p_now);
    if gone.id is null then
        return false;
    end if;
    if p_audit then
        perform keyturn.audit_by(
            'factor_deleted', p_actor, json_build_object('user_id', p_user, 'factor_id', p_factor),
            p_now, p_ip);
    end if;
    return true;
end $$;
