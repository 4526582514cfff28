-- A session's key may lie encrypted in its column (GoTrue's DB_ENCRYPTION), and only the server can
-- open it: then the first call answers sealed_key with the column, the second brings p_key.
drop function keyturn.refresh_v2(
    uuid, bigint, bytea, bytea, timestamptz, text, text, keyturn.refresh_rules);

create function keyturn.refresh_v2(
    p_session uuid, p_counter bigint, p_signed bytea, p_tag bytea, p_now timestamptz, p_ip text,
    p_agent text, r keyturn.refresh_rules, p_key text
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
    if p_key is null and s.refresh_token_hmac_key like '{%' then
        x.verdict := 'sealed_key';
        x.hmac_key := s.refresh_token_hmac_key;
        return x;
    end if;
    if substr(keyturn.hmac_sha256(
                  keyturn.from_base64url(coalesce(p_key, s.refresh_token_hmac_key)), p_signed), 1, 16)
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
