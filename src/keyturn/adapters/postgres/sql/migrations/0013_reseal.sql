-- Puts a private half under another master key; only if nobody changed or destroyed it meanwhile.
create function keyturn.reseal_key(
    which text, known bytea, resealed bytea, happened timestamptz, who text, why text
) returns boolean
language plpgsql set search_path = '' as $$
begin
    update keyturn.signing_keys k set sealed = resealed where k.kid = which and k.sealed = known;
    if not found then
        return false;
    end if;
    insert into keyturn.audit_log
        (at, actor, subject, subject_id, verb, from_state, to_state, reason, ring_version)
    select happened, who, 'signing_key', which, 'reseal', k.state, k.state, why, r.version
    from keyturn.signing_keys k, keyturn.ring r
    where k.kid = which;
    return true;
end $$;
