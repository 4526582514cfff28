-- Times only move forward: several gateways may report the same key out of order.
update keyturn.api_keys a
set last_used_at = seen.at
from (
    select s.id, s.hash, max(s.at) as at
    from unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) as s (id, hash, at)
    group by s.id, s.hash
) seen
where (a.id = seen.id or a.hash = seen.hash)
  and (a.last_used_at is null or a.last_used_at < seen.at)
