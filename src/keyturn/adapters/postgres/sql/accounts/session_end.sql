-- $1 user id, $2 session id, $3 now, $4 the rules; null: the session goes on
select keyturn.session_end(
    s, a.factors, keyturn.aal_of(m.amr),
    coalesce(s.refreshed_at at time zone 'utc',
             (select max(greatest(t.updated_at, t.created_at)) from auth.refresh_tokens t
               where t.session_id = s.id),
             s.created_at),
    $3, $4)
from auth.sessions s, keyturn.account_of($1) a, keyturn.amr_of(s.id) m
where s.id = $2 and s.user_id = $1
