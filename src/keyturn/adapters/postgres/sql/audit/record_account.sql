insert into keyturn.audit_log (at, actor, subject, subject_id, verb, reason)
values ($1::timestamptz, $2::text, 'account', $3::text, $4::text, $5::text)
