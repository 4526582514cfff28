-- The key does not change: the line says that it signed something outside of a session.
insert into keyturn.audit_log
    (at, actor, subject, subject_id, verb, from_state, to_state, reason, ring_version)
values
    ($1::timestamptz, $2::text, 'signing_key', $3::text, 'mint_token', $4::text, $4::text,
     $5::text, $6::bigint)
