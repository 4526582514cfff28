-- The key ring. Private halves are AES-256-GCM envelopes made outside the database.
create table keyturn.ring (
    singleton boolean primary key default true check (singleton),
    version bigint not null default 0 check (version >= 0),
    token_life integer not null default 0 check (token_life >= 0),
    changed_at timestamptz not null default now()
);
insert into keyturn.ring default values;

create table keyturn.signing_keys (
    kid text primary key check (kid <> '' and length(kid) <= 128),
    alg text not null,
    state text not null check (state in ('standby', 'in_use', 'previously_used', 'revoked')),
    legacy boolean not null default false,
    public_jwk jsonb,
    sealed bytea,
    created_at timestamptz not null,
    published_at timestamptz not null,
    promoted_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz,
    tokens_until timestamptz,
    token_life integer not null default 0,
    constraint symmetric_keys_have_no_public_half
        check ((public_jwk is null) = (alg like 'HS%')),
    constraint public_half_holds_nothing_private
        check (public_jwk is null or not public_jwk ?| array['d','p','q','dp','dq','qi','oth','k']),
    constraint only_legacy_is_hs256 check (not legacy or alg = 'HS256'),
    -- A key that signs no more has no private half; a secret also verifies, so it stays till revoked.
    constraint private_half_is_destroyed check (
        case state
            when 'revoked' then sealed is null
            when 'previously_used' then (sealed is not null) = (alg like 'HS%')
            else sealed is not null
        end)
);
create unique index signing_keys_one_in_use on keyturn.signing_keys ((true)) where state = 'in_use';
create unique index signing_keys_one_live_legacy
    on keyturn.signing_keys ((true)) where legacy and state <> 'revoked';

-- The index above says at most one; this says at least one, from the first start on, at commit.
create function keyturn.check_one_key_in_use() returns trigger
language plpgsql set search_path = '' as $$
begin
    if (select r.version from keyturn.ring r) is distinct from 0
       and (select count(*) from keyturn.signing_keys k where k.state = 'in_use') <> 1 then
        raise exception 'the key ring must have exactly one key in use' using errcode = 'KT002';
    end if;
    return null;
end $$;
create constraint trigger signing_keys_keep_one_in_use
    after insert or update or delete on keyturn.signing_keys
    deferrable initially deferred for each row execute function keyturn.check_one_key_in_use();
create constraint trigger ring_keeps_one_in_use
    after insert or update or delete on keyturn.ring
    deferrable initially deferred for each row execute function keyturn.check_one_key_in_use();

create function keyturn.refuse_truncate() returns trigger
language plpgsql set search_path = '' as $$
begin
    raise exception 'the key ring cannot be truncated' using errcode = 'KT002';
end $$;
create trigger signing_keys_not_truncated before truncate on keyturn.signing_keys
    for each statement execute function keyturn.refuse_truncate();
create trigger ring_not_truncated before truncate on keyturn.ring
    for each statement execute function keyturn.refuse_truncate();

-- Versions only go up by one, so that compare-and-swap cannot be fooled.
create function keyturn.check_ring_version() returns trigger
language plpgsql set search_path = '' as $$
begin
    if tg_op = 'DELETE' or new.version not in (old.version, old.version + 1) then
        raise exception 'the ring version goes up one by one' using errcode = 'KT002';
    end if;
    return new;
end $$;
create trigger ring_version_goes_up before update or delete on keyturn.ring
    for each row execute function keyturn.check_ring_version();

-- Applies a whole change to exactly one version, or nothing: null means "somebody was faster".
-- `steps` is the array described in ring_store.py; each step is one key's next row and audit line.
create function keyturn.apply_ring_change(
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
    end loop;
    update keyturn.ring set version = expected + 1, changed_at = happened;
    perform pg_notify('keyturn_ring', (expected + 1)::text);
    return expected + 1;
end $$;

create function keyturn.apply_ring_step(step jsonb) returns void
language plpgsql set search_path = '' as $$
begin
    if step->>'source' is null then
        insert into keyturn.signing_keys
            (kid, alg, state, legacy, public_jwk, sealed, created_at, published_at, promoted_at,
             retired_at, tokens_until, token_life)
        values
            (step->>'kid', step->>'alg', step->>'target', (step->>'legacy')::boolean,
             nullif(step->'public_jwk', 'null'::jsonb), decode(step->>'sealed', 'base64'),
             (step->>'created_at')::timestamptz, (step->>'published_at')::timestamptz,
             (step->>'promoted_at')::timestamptz, (step->>'retired_at')::timestamptz,
             (step->>'tokens_until')::timestamptz, (step->>'token_life')::integer);
    elsif step->>'target' is null then
        delete from keyturn.signing_keys k
        where k.kid = step->>'kid' and k.state = step->>'source';
    else
        update keyturn.signing_keys k set
            state = step->>'target',
            sealed = case
                when step->>'target' = 'revoked' then null
                when step->>'target' = 'previously_used' and k.alg not like 'HS%' then null
                else k.sealed end,
            promoted_at = (step->>'promoted_at')::timestamptz,
            retired_at = (step->>'retired_at')::timestamptz,
            revoked_at = (step->>'revoked_at')::timestamptz,
            tokens_until = (step->>'tokens_until')::timestamptz,
            token_life = greatest(k.token_life, (step->>'token_life')::integer)
        where k.kid = step->>'kid' and k.state = step->>'source';
    end if;
    if step->>'source' is not null and not found then
        raise exception 'key % is not %', step->>'kid', step->>'source' using errcode = 'KT002';
    end if;
end $$;

-- Servers say how long their tokens live; a key's retirement waits for the longest of its time.
create function keyturn.announce_token_life(seconds integer) returns void
language sql set search_path = '' as $$
    update keyturn.ring set token_life = seconds where token_life <> seconds;
    update keyturn.signing_keys set token_life = seconds
    where state = 'in_use' and token_life < seconds;
$$;
