select
    a.id, a.at, a.actor, a.subject, a.subject_id, a.verb, a.from_state, a.to_state, a.reason,
    a.overridden, a.ring_version
from keyturn.audit_log a
where ($1::text is null or a.subject = $1)
  and ($2::text is null or a.verb = $2)
  and ($3::text is null or a.subject_id = $3)
  and ($4::text is null or strpos(lower(a.actor), lower($4)) > 0)
  and ($5::bigint is null or a.id < $5)
  and ($7::timestamptz is null or a.at >= $7)
  and ($8::timestamptz is null or a.at < $8)
order by a.id desc
limit $6::integer
