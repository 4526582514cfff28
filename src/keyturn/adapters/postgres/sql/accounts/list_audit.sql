-- $1 keys of the payload or null, $2 part of their value, $3 page size, $4 rows to skip
with matching as (
    select l.id, l.payload, l.created_at, l.ip_address
    from auth.audit_log_entries l
    where l.instance_id = '00000000-0000-0000-0000-000000000000'
      and ($1::text[] is null or exists (
              select from unnest($1::text[]) k
              where strpos(lower(l.payload ->> k), lower($2::text)) > 0))
)
select t.total, p.id::text as id, p.payload::text as payload, p.created_at, p.ip_address
from (select count(*) as total from matching) t
left join lateral (
    select * from matching order by created_at desc, id limit $3 offset $4) p on true
order by p.created_at desc, p.id
