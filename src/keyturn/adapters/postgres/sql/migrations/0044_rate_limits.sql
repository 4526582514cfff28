-- Token buckets that every worker and replica shares. Unlogged: a crash forgives, nothing else is
-- lost. The database's clock counts, because those of replicas differ.
create unlogged table keyturn.rate_limits (
    bucket text not null,
    key text not null,
    tokens double precision not null,
    filled_at timestamptz not null,
    primary key (bucket, key)
);
create index rate_limits_filled_at_idx on keyturn.rate_limits (filled_at);

-- Takes a token: true, or false when there is none. A full bucket and no row are the same, so rows
-- untouched for an hour, the longest time to fill, go now and then.
create function keyturn.take_token(
    p_bucket text, p_key text, p_per_second double precision, p_burst double precision
) returns boolean language plpgsql as $$
begin
    insert into keyturn.rate_limits as l (bucket, key, tokens, filled_at)
    values (p_bucket, p_key, p_burst - 1, statement_timestamp())
        on conflict (bucket, key) do update
        set tokens = keyturn.refilled(l.tokens, l.filled_at, p_per_second, p_burst) - 1,
            filled_at = greatest(l.filled_at, statement_timestamp())
        where keyturn.refilled(l.tokens, l.filled_at, p_per_second, p_burst) >= 1;
    if not found then
        return false;
    end if;
    if random() < 0.005 then
        delete from keyturn.rate_limits
         where (bucket, key) in (
             select o.bucket, o.key from keyturn.rate_limits o
              where o.filled_at < statement_timestamp() - interval '1 hour'
              limit 1000 for update skip locked);
    end if;
    return true;
end $$;

create function keyturn.refilled(
    p_tokens double precision, p_at timestamptz, p_per_second double precision,
    p_burst double precision
) returns double precision language sql stable as $$
    select least(p_burst, p_tokens + p_per_second
                 * greatest(0, extract(epoch from statement_timestamp() - p_at)))
$$;
