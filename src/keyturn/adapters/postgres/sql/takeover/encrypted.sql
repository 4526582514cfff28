-- Encrypted values by column and key, each with one row to try a key on
with sealed (place, row_id, value) as (
    select 'users.encrypted_password', u.id, u.encrypted_password
    from auth.users u where u.encrypted_password like '{%'
    union all
    select 'mfa_factors.secret', f.id, f.secret from auth.mfa_factors f where f.secret like '{%'
    union all
    select 'sessions.refresh_token_hmac_key', s.id, to_jsonb(s) ->> 'refresh_token_hmac_key'
    from auth.sessions s where to_jsonb(s) ->> 'refresh_token_hmac_key' like '{%'
)
select place, coalesce(substring(value from '"key_id"\s*:\s*"([^"]*)"'), '') as key_id,
       count(*) as found, min(row_id::text) as row_id,
       (array_agg(value order by row_id::text))[1] as value
from sealed
group by 1, 2
order by 1, 2
