-- Refreshing on a sessions table of any age (0070). A session that becomes version 2 gets its key
-- from the server, which has to know the session to encrypt the key for it: with a null p_new_key
-- the first call answers key_wanted and has written nothing, the second brings the key.

create or replace function keyturn.refresh_v1(
    p_token text, p_new_token text, p_new_key text, p_now timestamptz, p_ip text, p_agent text,
    r keyturn.refresh_rules
) returns keyturn.refreshed language plpgsql as $$
declare
    x keyturn.refreshed;
    t record;
    q record;
    s auth.sessions;
    e keyturn.session_extras;
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
    e := keyturn.extras_of(s);
    select a as who, m.amr into q from keyturn.account_of(s.user_id) a, keyturn.amr_of(s.id) m;
    x.who := q.who;
    x.opened := (s.id::text, s.created_at, q.amr, e.oauth_client_id, e.scopes);
    x.verdict := keyturn.session_obstacle(
        s, q.who, keyturn.aal_of(q.amr),
        coalesce(s.refreshed_at at time zone 'utc', t.last), p_now, r);
    if x.verdict is not null then
        return x;
    end if;

    x.verdict := 'ok';
    x.cause := '';
    x.hmac_key := e.refresh_token_hmac_key;
    x.counter := e.refresh_token_counter;
    if t.revoked is not true then
        if x.hmac_key is null and p_new_key is distinct from ''
           and keyturn.percentile(s.id) < r.upgrade_percent then
            if p_new_key is null then
                x.verdict := 'key_wanted';
                return x;
            end if;
            x.hmac_key := p_new_key;
            x.counter := 0;
        end if;
        update auth.refresh_tokens k set revoked = true, updated_at = p_now where k.id = t.id;
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
        s.id, q.who, t.revoked is not true, x.hmac_key, x.counter, p_now, p_ip, p_agent, r.audit);
    return x;
end $$;

create or replace function keyturn.refresh_v2(
    p_session uuid, p_counter bigint, p_signed bytea, p_tag bytea, p_now timestamptz, p_ip text,
    p_agent text, r keyturn.refresh_rules, p_key text
) returns keyturn.refreshed language plpgsql as $$
declare
    x keyturn.refreshed;
    q record;
    s auth.sessions;
    e keyturn.session_extras;
    ahead bigint;
begin
    select * into s from auth.sessions k where k.id = p_session for update skip locked;
    if not found then
        perform from auth.sessions k where k.id = p_session;
        x.verdict := case when found then 'locked' else 'refresh_not_found' end;
        return x;
    end if;
    e := keyturn.extras_of(s);
    if p_key is null and e.refresh_token_hmac_key like '{%' then
        x.verdict := 'sealed_key';
        x.hmac_key := e.refresh_token_hmac_key;
        return x;
    end if;
    if substr(keyturn.hmac_sha256(
                  keyturn.from_base64url(coalesce(p_key, e.refresh_token_hmac_key)), p_signed), 1, 16)
       is distinct from p_tag then
        x.verdict := 'refresh_not_found';
        return x;
    end if;
    select a as who, m.amr into q from keyturn.account_of(s.user_id) a, keyturn.amr_of(s.id) m;
    x.who := q.who;
    x.opened := (s.id::text, s.created_at, q.amr, e.oauth_client_id, e.scopes);
    x.verdict := keyturn.session_obstacle(
        s, q.who, keyturn.aal_of(q.amr),
        coalesce(s.refreshed_at at time zone 'utc', s.created_at), p_now, r);
    if x.verdict is not null then
        return x;
    end if;

    x.verdict := 'ok';
    x.cause := '';
    x.hmac_key := e.refresh_token_hmac_key;
    x.counter := coalesce(e.refresh_token_counter, 0);
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
