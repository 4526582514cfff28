-- Who changed which key, when and why. Lines are added and never altered.
create table keyturn.audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    actor text not null check (actor <> ''),
    subject text not null check (subject in ('signing_key', 'api_key')),
    subject_id text not null,
    verb text not null,
    from_state text,
    to_state text,
    reason text,
    overridden text,
    ring_version bigint,
    constraint overriding_needs_a_reason check (overridden is null or reason is not null)
);
create index audit_log_subject_idx on keyturn.audit_log (subject, subject_id, id);

create function keyturn.refuse_audit_change() returns trigger
language plpgsql set search_path = '' as $$
begin
    raise exception 'keyturn.audit_log is append-only' using errcode = 'KT001';
end $$;

create trigger audit_log_is_append_only
    before update or delete or truncate on keyturn.audit_log
    for each statement execute function keyturn.refuse_audit_change();
-- Replication roles must not slip past it.
alter table keyturn.audit_log enable always trigger audit_log_is_append_only;
