-- API keys as hashes: neither this table nor the gateway's configuration can give one away.
create table keyturn.api_keys (
    id uuid primary key,
    name text not null check (name ~ '^[a-z_][a-z0-9_]{1,63}$'),
    kind text not null check (kind in ('publishable', 'secret', 'legacy')),
    role text not null check (role in ('anon', 'service_role')),
    hash bytea not null unique check (length(hash) = 32),
    prefix text not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint kind_decides_the_role
        check (kind = 'legacy' or (kind = 'secret') = (role = 'service_role'))
);
create unique index api_keys_active_name_idx on keyturn.api_keys (kind, name)
    where revoked_at is null;

create function keyturn.announce_api_keys() returns trigger
language plpgsql set search_path = '' as $$
begin
    perform pg_notify('keyturn_api_keys', '');
    return null;
end $$;
-- Not on last_used_at: that would wake the gateway for every busy key.
create trigger api_keys_announce
    after insert or delete or update of name, kind, role, hash, prefix, revoked_at
    on keyturn.api_keys for each statement execute function keyturn.announce_api_keys();

create function keyturn.add_api_key(
    new_id uuid, new_name text, new_kind text, new_role text, new_hash bytea, new_prefix text,
    happened timestamptz, who text, why text
) returns void
language sql set search_path = '' as $$
    insert into keyturn.api_keys (id, name, kind, role, hash, prefix, created_at)
    values (new_id, new_name, new_kind, new_role, new_hash, new_prefix, happened);
    insert into keyturn.audit_log
        (at, actor, subject, subject_id, verb, from_state, to_state, reason)
    values (happened, who, 'api_key', new_id::text, 'create', null, 'active', why);
$$;

create function keyturn.revoke_api_key(key_id uuid, happened timestamptz, who text, why text)
returns boolean
language plpgsql set search_path = '' as $$
begin
    update keyturn.api_keys set revoked_at = happened where id = key_id and revoked_at is null;
    if not found then
        return false;
    end if;
    insert into keyturn.audit_log
        (at, actor, subject, subject_id, verb, from_state, to_state, reason)
    values (happened, who, 'api_key', key_id::text, 'revoke', 'active', 'revoked', why);
    return true;
end $$;
