-- Legacy API keys are tokens of the legacy secret: revoking the secret revokes them in the same
-- transaction, because whoever knows it can make them again.
create or replace function keyturn.apply_ring_change(
    expected bigint, steps jsonb, happened timestamptz, who text, why text
) returns bigint
language plpgsql set search_path = '' as $$
declare
    found_version bigint;
    step jsonb;
begin
    select r.version into found_version from keyturn.ring r for update;
    if found_version is distinct from expected then
        return null;
    end if;
    for step in select s.value from jsonb_array_elements(steps) with ordinality s order by s.ordinality
    loop
        perform keyturn.apply_ring_step(step);
        insert into keyturn.audit_log
            (at, actor, subject, subject_id, verb, from_state, to_state, reason, overridden,
             ring_version)
        values
            (happened, who, 'signing_key', step->>'kid', step->>'verb', step->>'source',
             step->>'target', why, step->>'overridden', expected + 1);
        if step->>'target' = 'revoked' then
            perform keyturn.revoke_api_key(a.id, happened, who, why)
            from keyturn.api_keys a, keyturn.signing_keys k
            where k.kid = step->>'kid' and k.legacy and a.kind = 'legacy' and a.revoked_at is null;
        end if;
    end loop;
    update keyturn.ring set version = expected + 1, changed_at = happened;
    perform pg_notify('keyturn_ring', (expected + 1)::text);
    return expected + 1;
end $$;
