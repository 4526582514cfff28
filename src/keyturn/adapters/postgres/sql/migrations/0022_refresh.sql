-- Refreshing in one round trip: lock, judge, rotate. The rules and their order: gotrue.md 3.3.

create type keyturn.refresh_rules as (
    rotate boolean,
    reuse_seconds integer,
    allow_reuse boolean,
    upgrade_percent integer,
    timebox interval,
    inactivity interval,
    low_aal interval,
    single_per_user boolean,
    tags text[],
    audit boolean
);

-- Verdict: ok, locked (somebody else holds the row: try again), invalid_client, or the name of a
-- row in keyturn.accounts.errors. Cause: why an older token was answered with the current one.
create type keyturn.refreshed as (
    verdict text,
    cause text,
    token text,
    hmac_key text,
    counter bigint,
    who keyturn.account,
    opened keyturn.session_facts
);

-- RFC 2104 with sha256(); keys are 32 bytes. pgcrypto is not everywhere.
create function keyturn.hmac_sha256(p_key bytea, p_message bytea) returns bytea
language plpgsql immutable strict as $$
declare
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
    octet integer;
begin
    for i in 0 .. least(length(p_key), 64) - 1 loop
        octet := get_byte(p_key, i);
        inner_pad := set_byte(inner_pad, i, octet # 54);
        outer_pad := set_byte(outer_pad, i, octet # 92);
    end loop;
    return sha256(outer_pad || sha256(inner_pad || p_message));
end $$;

-- Base64url without padding, as keys are kept; null for what is none (an encrypted value, say).
create function keyturn.from_base64url(p_text text) returns bytea
language sql immutable as $$
    select case when p_text ~ '^[A-Za-z0-9_-]+$' and length(p_text) % 4 <> 1
                then decode(
                    rpad(translate(p_text, '-_', '+/'), (length(p_text) + 3) / 4 * 4, '='), 'base64')
           end
$$;

-- A number from 0 to 99 that stays the same for a session: CRC-32 (IEEE) of the id's 16 bytes.
create function keyturn.percentile(p_session uuid) returns integer
language plpgsql immutable strict as $$
declare
    octets bytea := uuid_send(p_session);
    crc bigint := 4294967295;
begin
    for i in 0 .. 15 loop
        crc := crc # get_byte(octets, i);
        for bit in 1 .. 8 loop
            crc := case when crc & 1 = 1 then (crc >> 1) # 3988292384 else crc >> 1 end;
        end loop;
    end loop;
    return ((crc # 4294967295) % 100)::integer;
end $$;

-- Why a session may not be refreshed at p_now, or null. p_last: when it was last refreshed.
create function keyturn.session_obstacle(
    p_session auth.sessions, p_who keyturn.account, p_aal text, p_last timestamptz,
    p_now timestamptz, r keyturn.refresh_rules
) returns text language plpgsql as $$
begin
    if p_who.banned_until > p_now then
        return 'refresh_banned';
    elsif p_session.not_after < p_now or p_session.created_at + r.timebox < p_now then
        return 'refresh_expired';
    elsif p_last + r.inactivity < p_now then
        return 'refresh_inactive';
    elsif p_session.created_at + r.low_aal < p_now and p_aal = 'aal1'
          and p_who.factors ~ '"status" : "verified"' then
        return 'refresh_low_aal';
    elsif p_session.oauth_client_id is not null then
        return 'invalid_client';
    elsif r.single_per_user then
        return keyturn.newer_login(p_session, p_last, p_now, r);
    end if;
    return null;
end $$;

create function keyturn.tag_of(p_tag text, p_tags text[]) returns text
language sql immutable as $$
    select case when p_tag = any (p_tags) then p_tag else coalesce(p_tags[1], '') end
$$;

create function keyturn.newer_login(
    p_session auth.sessions, p_last timestamptz, p_now timestamptz, r keyturn.refresh_rules
) returns text language plpgsql as $$
begin
    perform from auth.users u where u.id = p_session.user_id for update skip locked;
    if not found then
        return 'locked';
    end if;
    perform
       from auth.sessions o,
            lateral (select coalesce(o.refreshed_at at time zone 'utc', o.created_at) as last) l
      where o.user_id = p_session.user_id and o.id <> p_session.id
        and keyturn.tag_of(o.tag, r.tags) = keyturn.tag_of(p_session.tag, r.tags)
        and l.last > p_last
        and (o.not_after < p_now) is not true
        and (o.created_at + r.timebox < p_now) is not true
        and (l.last + r.inactivity < p_now) is not true;
    return case when found then 'refresh_newer_login' end;
end $$;

create function keyturn.aal_of(p_amr text) returns text
language sql immutable as $$
    select case when p_amr ~ '"(totp|mfa/phone|mfa/webauthn)"' then 'aal2' else 'aal1' end
$$;

-- What both versions do once the token is judged good.
create function keyturn.finish_refresh(
    p_session uuid, p_who keyturn.account, p_revoked boolean, p_hmac_key text, p_counter bigint,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean
) returns void language plpgsql as $$
declare
    name text;
begin
    update auth.sessions s
       set refreshed_at = p_now at time zone 'utc', updated_at = p_now,
           user_agent = nullif(p_agent, ''), ip = p_ip::inet,
           refresh_token_hmac_key = p_hmac_key, refresh_token_counter = p_counter
     where s.id = p_session;
    if not p_audit then
        return;
    end if;
    if strpos(p_who.user_metadata, '"full_name"') > 0 then
        name := p_who.user_metadata::json ->> 'full_name';
    end if;
    -- What keyturn.audit writes, both rows at once: this is the busiest statement of all.
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(),
           json_strip_nulls(json_build_object(
               'action', a.action, 'actor_id', p_who.id, 'actor_name', nullif(name, ''),
               'actor_username', coalesce(nullif(p_who.phone, ''), p_who.email),
               'actor_via_sso', p_who.is_sso_user, 'log_type', 'token')),
           p_now, coalesce(p_ip, '')
      from (values ('token_refreshed'), ('token_revoked')) a (action)
     where p_revoked or a.action = 'token_refreshed';
end $$;

-- A row that is there and was not lockable is in somebody's hands.
create function keyturn.why_not_found(p_token text) returns text language plpgsql as $$
declare
    k auth.refresh_tokens;
begin
    select * into k from auth.refresh_tokens t where t.token = p_token;
    if not found then
        return 'refresh_not_found';
    elsif k.session_id is not null then
        return 'locked';
    end if;
    delete from auth.refresh_tokens t where t.id = k.id;
    return 'refresh_no_session';
end $$;

create function keyturn.refresh_v1(
    p_token text, p_new_token text, p_new_key text, p_now timestamptz, p_ip text, p_agent text,
    r keyturn.refresh_rules
) returns keyturn.refreshed language plpgsql as $$
declare
    x keyturn.refreshed;
    t record;
    q record;
    s auth.sessions;
    previous record;
begin
    select k.id, k.revoked, greatest(k.updated_at, k.created_at) as last, k.updated_at, m as session
      into t
      from auth.refresh_tokens k join auth.sessions m on m.id = k.session_id
     where k.token = p_token
       for update of k, m skip locked;
    if not found then
        x.verdict := keyturn.why_not_found(p_token);
        return x;
    end if;
    s := t.session;
    select a as who, m.amr into q from keyturn.account_of(s.user_id) a, keyturn.amr_of(s.id) m;
    x.who := q.who;
    x.opened := (s.id::text, s.created_at, q.amr, s.oauth_client_id::text, s.scopes);
    x.verdict := keyturn.session_obstacle(
        s, q.who, keyturn.aal_of(q.amr),
        coalesce(s.refreshed_at at time zone 'utc', t.last), p_now, r);
    if x.verdict is not null then
        return x;
    end if;

    x.verdict := 'ok';
    x.cause := '';
    x.hmac_key := s.refresh_token_hmac_key;
    x.counter := s.refresh_token_counter;
    if not t.revoked then
        update auth.refresh_tokens k set revoked = true, updated_at = p_now where k.id = t.id;
        if x.hmac_key is null and p_new_key <> '' and keyturn.percentile(s.id) < r.upgrade_percent then
            x.hmac_key := p_new_key;
            x.counter := 0;
        end if;
        -- A session that is now v2 keeps the v1 chain's end, revoked, for the rule below.
        perform keyturn.add_token(p_new_token, p_token, s.id, s.user_id, x.hmac_key is not null, p_now);
        x.token := case when x.hmac_key is null then p_new_token end;
    else
        -- The token before the current one: its answer may never have arrived.
        select k.token, k.parent into previous from auth.refresh_tokens k
         where k.session_id = s.id and (k.revoked is not true or x.hmac_key is not null)
         order by k.id desc limit 1;
        if previous.parent = p_token and coalesce(x.counter, 0) = 0 then
            x.cause := 'fail-to-save';
            x.token := case when x.hmac_key is null then previous.token end;
        elsif t.updated_at + make_interval(secs => r.reuse_seconds) > p_now then
            x.cause := 'concurrent-refresh';
            if x.hmac_key is null then
                perform keyturn.add_token(p_new_token, p_token, s.id, s.user_id, false, p_now);
                x.token := p_new_token;
            end if;
        else
            perform keyturn.punish_reuse(s.id, x.hmac_key is not null, r.rotate, p_now);
            x.verdict := 'refresh_used';
            return x;
        end if;
    end if;
    perform keyturn.finish_refresh(
        s.id, q.who, not t.revoked, x.hmac_key, x.counter, p_now, p_ip, p_agent, r.audit);
    return x;
end $$;

-- A token came back that was replaced long ago: either it or its successor is in wrong hands.
create function keyturn.punish_reuse(
    p_session uuid, p_v2 boolean, p_rotate boolean, p_now timestamptz
) returns void language plpgsql as $$
begin
    if not p_rotate then
        return;
    elsif p_v2 then
        delete from auth.sessions s where s.id = p_session;
    else
        update auth.refresh_tokens k set revoked = true, updated_at = p_now
         where k.session_id = p_session and k.revoked is not true;
    end if;
end $$;

create function keyturn.refresh_v2(
    p_session uuid, p_counter bigint, p_signed bytea, p_tag bytea, p_now timestamptz, p_ip text,
    p_agent text, r keyturn.refresh_rules
) returns keyturn.refreshed language plpgsql as $$
declare
    x keyturn.refreshed;
    q record;
    s auth.sessions;
    ahead bigint;
begin
    select * into s from auth.sessions k where k.id = p_session for update skip locked;
    if not found then
        perform from auth.sessions k where k.id = p_session;
        x.verdict := case when found then 'locked' else 'refresh_not_found' end;
        return x;
    end if;
    if substr(keyturn.hmac_sha256(keyturn.from_base64url(s.refresh_token_hmac_key), p_signed), 1, 16)
       is distinct from p_tag then
        x.verdict := 'refresh_not_found';
        return x;
    end if;
    select a as who, m.amr into q from keyturn.account_of(s.user_id) a, keyturn.amr_of(s.id) m;
    x.who := q.who;
    x.opened := (s.id::text, s.created_at, q.amr, s.oauth_client_id::text, s.scopes);
    x.verdict := keyturn.session_obstacle(
        s, q.who, keyturn.aal_of(q.amr),
        coalesce(s.refreshed_at at time zone 'utc', s.created_at), p_now, r);
    if x.verdict is not null then
        return x;
    end if;

    x.verdict := 'ok';
    x.cause := '';
    x.hmac_key := s.refresh_token_hmac_key;
    x.counter := coalesce(s.refresh_token_counter, 0);
    ahead := x.counter - p_counter;
    if ahead < 0 then
        x.verdict := 'refresh_foreign';
        return x;
    elsif ahead = 0 then
        x.counter := x.counter + 1;
    elsif ahead = 1 then
        x.cause := 'fail-to-save';
    elsif abs(extract(epoch from p_now - (s.refreshed_at at time zone 'utc'))) < r.reuse_seconds then
        x.cause := 'concurrent-refresh';
    elsif r.allow_reuse then
        x.cause := 'always-allow';
    else
        perform keyturn.punish_reuse(s.id, true, r.rotate, p_now);
        x.verdict := 'refresh_used';
        return x;
    end if;
    perform keyturn.finish_refresh(
        s.id, q.who, false, x.hmac_key, x.counter, p_now, p_ip, p_agent, r.audit);
    return x;
end $$;
