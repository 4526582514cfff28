-- $1 user id; no row: no such user; one row with nulls: no session
select
    s.id::text, s.created_at, s.updated_at, s.refreshed_at at time zone 'utc' as refreshed_at,
    s.not_after, s.factor_id::text, s.user_agent, host(s.ip) as ip, s.tag,
    (keyturn.extras_of(s)).oauth_client_id, m.amr
from auth.users u
left join auth.sessions s on s.user_id = u.id
left join lateral keyturn.amr_of(s.id) m on true
where u.id = $1
order by s.created_at desc, s.id
