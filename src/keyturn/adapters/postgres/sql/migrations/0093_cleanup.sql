-- GOTRUE_DB_CLEANUP_ENABLED: rows that count no longer go, a few at a time. What goes, and when, is
-- GoTrue's (models/cleanup.go): a day after it ended, sessions with a fixed end after three.

-- Deletes up to p_most rows of each kind and returns how many it did; null: another process is at
-- it. Rows that somebody holds are left for later. A null rule does not end sessions.
create function keyturn.clean_up(
    p_now timestamptz, p_most integer, p_timebox interval, p_inactivity interval
) returns integer language plpgsql as $$
declare
    day constant timestamptz := p_now - interval '24 hours';
    kind record;
    gone integer;
    total integer := 0;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('keyturn.clean_up', 0)) then
        return null;
    end if;
    for kind in
        select * from (values
            ('auth.refresh_tokens', 't.revoked and t.updated_at < $1'),
            ('auth.sessions', 't.not_after < $1 - interval ''48 hours'''),
            ('auth.sessions', 't.created_at + $2 < $1'),
            ('auth.sessions',
             't.created_at + $3 < $1 and coalesce(t.refreshed_at at time zone ''utc'' + $3 < $1,
              not exists (select from auth.refresh_tokens r
                           where r.session_id = t.id and r.updated_at + $3 >= $1))'),
            ('auth.saml_relay_states', 't.created_at < $1'),
            ('auth.flow_state', 't.created_at < $1'),
            ('auth.oauth_client_states', 't.created_at < $1'),
            ('auth.mfa_challenges', 't.created_at < $1'),
            ('auth.mfa_factors', 't.created_at < $1 and t.status = ''unverified'''),
            ('auth.webauthn_challenges', 't.expires_at < $1'),
            ('keyturn.flow_contexts', 't.created_at < $1')) k (name, ended)
    loop
        continue when to_regclass(kind.name) is null;
        execute format(
            'delete from %1$s d where d.ctid = any (array(
                 select t.ctid from %1$s t where %2$s limit $4 for update skip locked))',
            kind.name, kind.ended)
        using day, p_timebox, p_inactivity, p_most;
        get diagnostics gone = row_count;
        total := total + gone;
    end loop;
    return total;
end $$;
