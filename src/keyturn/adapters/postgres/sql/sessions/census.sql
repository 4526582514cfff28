-- $1 keys, $2 since when and $3 until when each signed (null: still), $4 the oldest token that may live
with recent as materialized (
    select coalesce(s.refreshed_at at time zone 'utc', s.created_at) as signed_at
    from auth.sessions s
    where coalesce(s.refreshed_at at time zone 'utc', s.created_at) > $4::timestamptz
)
select k.kid, count(r.signed_at) as sessions
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as k(kid, since, until)
left join recent r on r.signed_at >= k.since and (k.until is null or r.signed_at < k.until)
group by k.kid
