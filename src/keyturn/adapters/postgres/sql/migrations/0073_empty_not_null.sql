-- GoTrue reads these nullable columns into values that cannot be null: what Keyturn leaves empty is
-- '' there, so that a flow or a challenge that was begun here can be ended by a GoTrue.

create or replace function keyturn.request_token(
    p_user uuid, p_ask jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns keyturn.requested language plpgsql as $$
declare
    answer keyturn.requested;
    flow jsonb := p_ask -> 'flow';
    token jsonb;
    known uuid;
    sent timestamptz;
    due timestamptz;
begin
    execute format(
        'select id, %I from auth.users where id = $1 for update',
        keyturn.sent_column(coalesce(p_ask -> 'tokens' -> 0 ->> 'type', 'confirmation_token')))
       into known, sent using p_user;
    due := sent + make_interval(secs => (p_ask ->> 'frequency')::double precision);
    if known is null then
        answer.verdict := 'user_not_found';
        return answer;
    elsif due > p_now then
        answer.verdict := 'too_soon';
        answer.wait_seconds := ceil(extract(epoch from due - p_now));
        return answer;
    elsif p_ask ? 'channel' and not keyturn.take_send(
        p_ask ->> 'channel', (p_ask ->> 'count')::integer,
        (p_ask ->> 'seconds')::double precision, p_now)
    then
        answer.verdict := 'over_limit';
        return answer;
    end if;
    for token in select t.value from jsonb_array_elements(p_ask -> 'tokens') t loop
        perform keyturn.put_token(p_user, token, p_now);
    end loop;
    if p_ask ? 'email_change' then
        update auth.users u
           set email_change = p_ask ->> 'email_change', email_change_confirm_status = 0
         where u.id = p_user;
    end if;
    if p_ask ? 'phone_change' then
        update auth.users u set phone_change = p_ask ->> 'phone_change' where u.id = p_user;
    end if;
    if (p_ask ->> 'invited')::boolean then
        update auth.users u set invited_at = p_now where u.id = p_user;
    end if;
    if p_ask ? 'user_metadata' then
        update auth.users u
           set raw_user_meta_data = keyturn.patched(u.raw_user_meta_data, p_ask -> 'user_metadata')
         where u.id = p_user;
    end if;
    if flow is not null then
        insert into auth.flow_state (
            id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
            provider_access_token, provider_refresh_token, authentication_method, created_at,
            updated_at)
        values (
            (flow ->> 'id')::uuid, p_user, flow ->> 'auth_code',
            (flow ->> 'method')::auth.code_challenge_method, flow ->> 'challenge',
            flow ->> 'provider', '', '', flow ->> 'authentication', p_now, p_now);
    end if;
    select a into answer.who from keyturn.account_of(p_user) a;
    if p_audit and p_ask ? 'actor' then
        perform keyturn.audit_by(
            p_ask ->> 'action', p_ask -> 'actor', keyturn.traits_of(answer.who), p_now, p_ip);
    elsif p_audit and p_ask ? 'action' then
        perform keyturn.audit(
            p_ask ->> 'action', answer.who, (p_ask -> 'traits')::json, p_now, p_ip);
    end if;
    answer.verdict := 'ok';
    return answer;
end $$;

create or replace function keyturn.challenge_factor(
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
    values (p_challenge, p_factor, p_now, coalesce(p_ip, '0.0.0.0')::inet, coalesce(p_otp, ''),
            p_session);
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
