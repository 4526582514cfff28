select
    a.at, a.actor, a.subject, a.subject_id, a.verb, a.from_state, a.to_state, a.reason,
    a.overridden, a.ring_version
from keyturn.audit_log a
order by a.id desc
limit $1::integer
