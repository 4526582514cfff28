-- The console ends sessions and bans accounts; the log of changes says who did.
alter table keyturn.audit_log drop constraint audit_log_subject_check;
alter table keyturn.audit_log add constraint audit_log_subject_check
    check (subject in ('signing_key', 'api_key', 'console', 'account'));
