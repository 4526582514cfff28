-- An API key says what it is for, and both its name and that may change; the log says how.
alter table keyturn.api_keys add column description text check (length(description) <= 500);

drop function keyturn.add_api_key(
    uuid, text, text, text, bytea, text, timestamptz, text, text);
create function keyturn.add_api_key(
    new_id uuid, new_name text, new_kind text, new_role text, new_hash bytea, new_prefix text,
    new_description text, happened timestamptz, who text, why text
) returns void
language sql set search_path = '' as $$
    insert into keyturn.api_keys (id, name, kind, role, hash, prefix, description, created_at)
    values (new_id, new_name, new_kind, new_role, new_hash, new_prefix, new_description, happened);
    insert into keyturn.audit_log
        (at, actor, subject, subject_id, verb, from_state, to_state, reason)
    values (happened, who, 'api_key', new_id::text, 'create', null, 'active', why);
$$;

create function keyturn.relabel_api_key(
    key_id uuid, new_name text, new_description text, happened timestamptz, who text, why text
) returns boolean
language plpgsql set search_path = '' as $$
declare
    found_key record;
begin
    select a.name, a.description into found_key
    from keyturn.api_keys a where a.id = key_id and a.revoked_at is null for update;
    if not found then
        return false;
    end if;
    if found_key.name <> new_name then
        update keyturn.api_keys set name = new_name where id = key_id;
        insert into keyturn.audit_log
            (at, actor, subject, subject_id, verb, from_state, to_state, reason)
        values (happened, who, 'api_key', key_id::text, 'rename', found_key.name, new_name, why);
    end if;
    if found_key.description is distinct from new_description then
        update keyturn.api_keys set description = new_description where id = key_id;
        insert into keyturn.audit_log (at, actor, subject, subject_id, verb, reason)
        values (happened, who, 'api_key', key_id::text, 'describe', why);
    end if;
    return true;
end $$;
