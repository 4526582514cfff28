-- $1 user id, $2 session id or null; no row: no such user
select
    a as who,
    case when s.id is not null then keyturn.session_facts_of(s, m.amr) end as opened
from keyturn.account_of($1) a
left join auth.sessions s on s.id = $2 and s.user_id = $1
left join lateral keyturn.amr_of(s.id) m on true
