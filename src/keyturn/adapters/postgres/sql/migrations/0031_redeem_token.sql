-- Using a one-time token: what it proves is written down, and its bearer is signed in.

-- Verdict: ok, single_confirmation (the other address has to confirm too) or the name of a row in
-- keyturn.accounts.errors. auth_code instead of a session: the token belongs to a PKCE flow.
create type keyturn.redeemed as (
    verdict text,
    auth_code text,
    who keyturn.account,
    opened keyturn.session_facts
);

create function keyturn.confirm_email_change(p_user auth.users, p_now timestamptz) returns void
language plpgsql as $$
begin
    update auth.users u
       set email = u.email_change, email_change = '', email_change_token_current = '',
           email_change_token_new = '', email_change_confirm_status = 0,
           email_confirmed_at = coalesce(u.email_confirmed_at, p_now), is_anonymous = false,
           updated_at = p_now
     where u.id = p_user.id;
    delete from auth.one_time_tokens o where o.user_id = p_user.id;
    perform keyturn.set_identity(p_user.id, 'email', p_user.email_change, true, p_now);
    perform keyturn.mark_verified(p_user.id, 'email', p_now);
end $$;

create function keyturn.confirm_phone_change(p_user auth.users, p_now timestamptz) returns void
language plpgsql as $$
begin
    update auth.users u
       set phone = u.phone_change, phone_change = '', phone_change_token = '',
           phone_confirmed_at = p_now, is_anonymous = false, updated_at = p_now
     where u.id = p_user.id;
    delete from auth.one_time_tokens o where o.user_id = p_user.id;
    perform keyturn.set_identity(p_user.id, 'phone', p_user.phone_change, true, p_now);
    perform keyturn.mark_verified(p_user.id, 'phone', p_now);
end $$;

create function keyturn.mark_verified(p_user uuid, p_provider text, p_now timestamptz) returns void
language sql as $$
    update auth.identities i
       set identity_data = i.identity_data || jsonb_build_object(p_provider || '_verified', true),
           updated_at = p_now
     where i.user_id = p_user and i.provider = p_provider and i.provider_id = p_user::text
$$;

-- The token that p_claim means, with its account, both locked. p_claim: types, hashes, identifier
-- and aud (null when the hash alone was given), phone (whether it came by SMS), accepted (the code
-- was compared already: test numbers).
create function keyturn.find_token(p_claim jsonb, out token_type text, out owner auth.users)
language plpgsql as $$
declare
    found_user uuid;
begin
    if (p_claim ->> 'accepted')::boolean then
        token_type := p_claim -> 'types' ->> 0;
        select u.* into owner from auth.users u
         where case token_type when 'phone_change_token' then u.phone_change else u.phone end
               = p_claim ->> 'identifier'
           and u.aud = p_claim ->> 'aud' and not u.is_sso_user
         order by u.created_at limit 1 for update;
        return;
    end if;
    select o.token_type::text, o.user_id into token_type, found_user
      from auth.one_time_tokens o
      join auth.users u on u.id = o.user_id
     where o.token_hash in (select jsonb_array_elements_text(p_claim -> 'hashes'))
       and o.token_type::text in (select jsonb_array_elements_text(p_claim -> 'types'))
       and (p_claim ->> 'aud' is null or u.aud = p_claim ->> 'aud' and not u.is_sso_user)
       and (o.token_type <> 'confirmation_token'
            or (o.relates_to = coalesce(u.phone, '')) = (p_claim ->> 'phone')::boolean)
     limit 1 for update of o, u;
    select u.* into owner from auth.users u where u.id = found_user;
end $$;

create function keyturn.is_fresh(
    p_type text, p_user auth.users, p_seconds double precision, p_now timestamptz
) returns boolean language sql immutable as $$
    select coalesce(
        p_now < case keyturn.sent_column(p_type)
                    when 'confirmation_sent_at' then p_user.confirmation_sent_at
                    when 'recovery_sent_at' then p_user.recovery_sent_at
                    when 'email_change_sent_at' then p_user.email_change_sent_at
                    when 'phone_change_sent_at' then p_user.phone_change_sent_at
                    else p_user.reauthentication_sent_at
                end + make_interval(secs => p_seconds),
        false)
$$;

create function keyturn.apply_confirmation(
    p_user auth.users, p_phone boolean, p_now timestamptz, p_ip text, p_audit boolean
) returns void language plpgsql as $$
declare
    who keyturn.account;
begin
    perform keyturn.confirm(p_user.id, not p_phone, p_phone, p_now);
    perform keyturn.mark_verified(p_user.id, case when p_phone then 'phone' else 'email' end, p_now);
    if p_audit then
        select a.* into who from keyturn.account_of(p_user.id) a;
        perform keyturn.audit('user_signedup', who, null, p_now, p_ip);
    end if;
end $$;

create function keyturn.apply_recovery(
    p_user auth.users, p_now timestamptz, p_ip text, p_audit boolean
) returns void language plpgsql as $$
declare
    who keyturn.account;
begin
    update auth.users u set recovery_token = '', updated_at = p_now where u.id = p_user.id;
    delete from auth.one_time_tokens o
     where o.user_id = p_user.id and o.token_type = 'recovery_token';
    if p_user.email_confirmed_at is null then
        perform keyturn.apply_confirmation(p_user, false, p_now, p_ip, p_audit);
    elsif p_audit then
        select a.* into who from keyturn.account_of(p_user.id) a;
        perform keyturn.audit('login', who, null, p_now, p_ip);
    end if;
end $$;

-- True when the change is complete; false when the other address has to confirm as well.
create function keyturn.apply_email_change(
    p_type text, p_user auth.users, p_secure boolean, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    who keyturn.account;
begin
    if p_secure and p_user.email_change_confirm_status = 0 and coalesce(p_user.email, '') <> '' then
        update auth.users u
           set email_change_confirm_status = 1, updated_at = p_now,
               email_change_token_current = case p_type when 'email_change_token_current' then ''
                   else u.email_change_token_current end,
               email_change_token_new = case p_type when 'email_change_token_new' then ''
                   else u.email_change_token_new end
         where u.id = p_user.id;
        delete from auth.one_time_tokens o
         where o.user_id = p_user.id and o.token_type::text = p_type;
        return false;
    end if;
    perform keyturn.confirm_email_change(p_user, p_now);
    if p_audit then
        select a.* into who from keyturn.account_of(p_user.id) a;
        perform keyturn.audit('user_modified', who, null, p_now, p_ip);
    end if;
    return true;
end $$;

-- p_claim beyond find_token's: life (seconds a token is good for), secure_email_change, flow_method
-- (null, or the authentication method whose latest flow gets the code).
create function keyturn.redeem_token(
    p_claim jsonb, p_session uuid, p_method text, p_token text, p_hmac_key text,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean
) returns keyturn.redeemed language plpgsql as $$
declare
    answer keyturn.redeemed;
    used record;
    flow auth.flow_state;
    entered record;
begin
    select * into used from keyturn.find_token(p_claim);
    if (used.owner).id is null or not (
        coalesce((p_claim ->> 'accepted')::boolean, false)
        or keyturn.is_fresh(
               used.token_type, used.owner, (p_claim ->> 'life')::double precision, p_now))
    then
        answer.verdict := 'otp_expired';
        return answer;
    elsif (used.owner).banned_until > p_now then
        answer.verdict := 'verify_banned';
        return answer;
    end if;
    if p_claim ? 'flow_method' then
        select f.* into flow from auth.flow_state f
         where f.user_id = (used.owner).id and f.authentication_method = p_claim ->> 'flow_method'
         order by f.created_at desc limit 1;
        if flow.id is null then
            answer.verdict := 'no_flow_state';
            return answer;
        end if;
    end if;
    if used.token_type = 'confirmation_token' then
        perform keyturn.apply_confirmation(
            used.owner, (p_claim ->> 'phone')::boolean, p_now, p_ip, p_audit);
    elsif used.token_type = 'recovery_token' then
        perform keyturn.apply_recovery(used.owner, p_now, p_ip, p_audit);
    elsif used.token_type = 'phone_change_token' then
        perform keyturn.confirm_phone_change(used.owner, p_now);
    elsif not keyturn.apply_email_change(
        used.token_type, used.owner, (p_claim ->> 'secure_email_change')::boolean, p_now, p_ip, p_audit)
    then
        answer.verdict := 'single_confirmation';
        return answer;
    end if;
    answer.verdict := 'ok';
    if flow.id is not null then
        update auth.flow_state f set auth_code_issued_at = p_now, updated_at = p_now
         where f.id = flow.id;
        answer.auth_code := flow.auth_code;
        select a into answer.who from keyturn.account_of((used.owner).id) a;
        return answer;
    end if;
    select * into entered from keyturn.open_session(
        (used.owner).id, null, null, p_session, p_method, '', p_token, p_hmac_key, p_now, p_ip,
        p_agent, false);
    answer.who := entered.who;
    answer.opened := entered.opened;
    return answer;
end $$;

-- The second half of PKCE. p_challenges: what the verifier gives by method, {"s256", "plain"}.
create function keyturn.exchange_code(
    p_code text, p_challenges jsonb, p_life interval, p_session uuid, p_token text,
    p_hmac_key text, p_now timestamptz, p_ip text, p_agent text, p_audit boolean,
    out verdict text, out provider_access_token text, out provider_refresh_token text,
    out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
declare
    flow auth.flow_state;
    entered record;
begin
    select f.* into flow from auth.flow_state f where f.auth_code = p_code for update;
    if flow.id is null or flow.user_id is null then
        verdict := 'no_flow_state';
        return;
    elsif coalesce(flow.auth_code_issued_at, flow.created_at) + p_life <= p_now then
        verdict := 'flow_state_expired';
        return;
    elsif flow.code_challenge is distinct from p_challenges ->> flow.code_challenge_method::text then
        verdict := 'bad_code_verifier';
        return;
    end if;
    select a.* into who from keyturn.account_of(flow.user_id) a;
    if who.id is null or who.banned_until > p_now then
        verdict := case when who.id is null then 'no_flow_state' else 'user_banned' end;
        return;
    end if;
    delete from auth.flow_state f where f.id = flow.id;
    select * into entered from keyturn.open_session(
        flow.user_id, null, null, p_session, flow.authentication_method, flow.provider_type,
        p_token, p_hmac_key, p_now, p_ip, p_agent, p_audit);
    verdict := 'ok';
    provider_access_token := nullif(flow.provider_access_token, '');
    provider_refresh_token := nullif(flow.provider_refresh_token, '');
    who := entered.who;
    opened := entered.opened;
end $$;
