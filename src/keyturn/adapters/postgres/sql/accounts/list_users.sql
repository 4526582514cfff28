-- $1 audience, $2 text to find or '', $3 newest first, $4 page size, $5 rows to skip.
-- Matches part of the address or of the full name, or the whole id. One row at least: the total.
with matching as (
    select u.id, u.created_at
    from auth.users u
    where u.instance_id = '00000000-0000-0000-0000-000000000000'
      and u.aud = $1
      and ($2 = ''
           or strpos(u.email, lower($2)) > 0
           or strpos(lower(u.raw_user_meta_data ->> 'full_name'), lower($2)) > 0
           or u.id::text = lower($2))
), page as (
    select m.id, m.created_at
    from matching m
    order by
        case when $3 then m.created_at end desc nulls last,
        case when not $3 then m.created_at end asc nulls last,
        m.id
    limit $4 offset $5
)
select (select count(*) from matching) as total, a as who
from (select) one
left join page p on true
left join lateral keyturn.account_of(p.id) a on true
order by
    case when $3 then p.created_at end desc nulls last,
    case when not $3 then p.created_at end asc nulls last,
    p.id
