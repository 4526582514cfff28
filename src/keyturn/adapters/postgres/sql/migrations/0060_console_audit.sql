-- The console signs people in and out; the log of changes says so, in the same append-only table.
alter table keyturn.audit_log drop constraint audit_log_subject_check;
alter table keyturn.audit_log add constraint audit_log_subject_check
    check (subject in ('signing_key', 'api_key', 'console'));
