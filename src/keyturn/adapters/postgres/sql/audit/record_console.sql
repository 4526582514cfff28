insert into keyturn.audit_log (at, actor, subject, subject_id, verb)
values ($1::timestamptz, $2::text, 'console', $3::text, $4::text)
