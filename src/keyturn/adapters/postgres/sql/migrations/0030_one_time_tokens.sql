-- One-time tokens by mail and SMS: asking for one, using one. Both are one round trip.
-- Where they are kept is GoTrue's: auth.users.*_token and auth.one_time_tokens, SHA-224 in hex.

-- How many messages may still be sent, for all processes together: a bucket that fills evenly.
create table keyturn.send_budgets (
    channel text primary key,
    remaining double precision not null,
    counted_at timestamptz not null
);

-- Null count: no limit.
create function keyturn.sends_left(
    p_channel text, p_count integer, p_seconds double precision, p_now timestamptz
) returns double precision language sql stable as $$
    select least(p_count, coalesce(
        (select b.remaining + p_count
                * greatest(extract(epoch from p_now - b.counted_at), 0) / p_seconds
           from keyturn.send_budgets b where b.channel = p_channel),
        p_count))
$$;

create function keyturn.take_send(
    p_channel text, p_count integer, p_seconds double precision, p_now timestamptz
) returns boolean language plpgsql as $$
declare
    available double precision;
begin
    if p_count is null then
        return true;
    end if;
    insert into keyturn.send_budgets values (p_channel, p_count, p_now) on conflict do nothing;
    perform from keyturn.send_budgets b where b.channel = p_channel for update;
    available := keyturn.sends_left(p_channel, p_count, p_seconds, p_now);
    if available < 1 then
        return false;
    end if;
    update keyturn.send_budgets b
       set remaining = available - 1, counted_at = greatest(b.counted_at, p_now)
     where b.channel = p_channel;
    return true;
end $$;

-- The column of a token has the name of its type, and the time it was sent at goes by its flow.
create function keyturn.sent_column(p_type text) returns text language sql immutable as $$
    select regexp_replace(p_type, '_token.*$', '') || '_sent_at'
$$;

create function keyturn.put_token(p_user uuid, p_token jsonb, p_now timestamptz) returns void
language plpgsql as $$
begin
    insert into auth.one_time_tokens as o (
        id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
    values (
        gen_random_uuid(), p_user, (p_token ->> 'type')::auth.one_time_token_type,
        p_token ->> 'hash', p_token ->> 'relates_to', p_now at time zone 'UTC', p_now at time zone 'UTC')
    on conflict (user_id, token_type) do update
       set token_hash = excluded.token_hash, relates_to = excluded.relates_to,
           created_at = excluded.created_at, updated_at = excluded.updated_at;
    execute format(
        'update auth.users set %I = $1, %I = $2, updated_at = $2 where id = $3',
        p_token ->> 'type', keyturn.sent_column(p_token ->> 'type'))
    using p_token ->> 'hash', p_now, p_user;
end $$;

create type keyturn.requested as (verdict text, wait_seconds integer, who keyturn.account);

-- p_ask: tokens, frequency (seconds between two), channel, count, seconds (the budget), flow (a row
-- of auth.flow_state), email_change, phone_change, invited, user_metadata, action, traits, actor.
-- Verdict: ok, too_soon, over_limit or user_not_found; only ok has written anything.
create function keyturn.request_token(
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
            authentication_method, created_at, updated_at)
        values (
            (flow ->> 'id')::uuid, p_user, flow ->> 'auth_code',
            (flow ->> 'method')::auth.code_challenge_method, flow ->> 'challenge',
            flow ->> 'provider', flow ->> 'authentication', p_now, p_now);
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

-- An account that has yet to be confirmed, with the token that confirms it.
create function keyturn.create_pending(
    p_new jsonb, p_ask jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns keyturn.requested language plpgsql as $$
declare
    answer keyturn.requested;
begin
    if p_ask ? 'channel' and not keyturn.take_send(
        p_ask ->> 'channel', (p_ask ->> 'count')::integer,
        (p_ask ->> 'seconds')::double precision, p_now)
    then
        answer.verdict := 'over_limit';
        return answer;
    end if;
    perform keyturn.create_user(p_new, null, p_now, p_ip, false);
    return keyturn.request_token((p_new ->> 'id')::uuid, p_ask - 'channel', p_now, p_ip, p_audit);
end $$;

-- The message could not be sent: asking again need not wait, and it does not count.
create function keyturn.message_failed(p_user uuid, p_type text, p_channel text) returns void
language plpgsql as $$
begin
    execute format('update auth.users set %I = null where id = $1', keyturn.sent_column(p_type))
      using p_user;
    update keyturn.send_budgets b set remaining = b.remaining + 1 where b.channel = p_channel;
end $$;
