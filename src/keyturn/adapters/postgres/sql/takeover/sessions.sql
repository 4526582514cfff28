-- Sessions that can be refreshed, by the version of their refresh token; tokens without a session
select
    count(*) filter (where l.hmac_key is not null) as version_2,
    count(*) filter (where l.hmac_key is null and l.has_token) as version_1,
    count(*) filter (where l.hmac_key is null and not l.has_token) as neither,
    (select count(*) from auth.refresh_tokens t
      where t.session_id is null and t.revoked is not true) as without_session
from (
    select to_jsonb(s) ->> 'refresh_token_hmac_key' as hmac_key,
           exists (select from auth.refresh_tokens t
                    where t.session_id = s.id and t.revoked is not true) as has_token
    from auth.sessions s
    where s.not_after is null or s.not_after > now()
) l
