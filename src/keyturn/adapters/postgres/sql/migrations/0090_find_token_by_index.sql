-- A one-time token is found by the index of its hash, whatever the planner believes about the tables.
-- Tokens come and go faster than statistics about them. As one join, a table that was analysed while
-- it was small had every account of auth.users read for one code: here nothing is left to choose.
-- The account is locked before its token, as when a token is asked for, so the two never deadlock;
-- whoever waited for the lock finds the token used. A code that was compared elsewhere (a test
-- number, the SMS provider) finds its account by the index of phone.
create or replace function keyturn.find_token(
    p_claim jsonb, out token_type text, out owner auth.users
) language plpgsql as $$
declare
    token auth.one_time_tokens;
    p_aud text := p_claim ->> 'aud';
    p_phone boolean := p_claim ->> 'phone';
begin
    if (p_claim ->> 'accepted')::boolean then
        token_type := p_claim -> 'types' ->> 0;
        if token_type = 'phone_change_token' then
            select u.* into owner from auth.users u
             where u.phone_change = p_claim ->> 'identifier' and u.aud = p_aud and not u.is_sso_user
             order by u.created_at limit 1 for update;
        else
            select u.* into owner from auth.users u
             where u.phone = p_claim ->> 'identifier' and u.aud = p_aud and not u.is_sso_user
             order by u.created_at limit 1 for update;
        end if;
        return;
    end if;
    for token in
        select o.* from auth.one_time_tokens o
         where o.token_hash in (p_claim -> 'hashes' ->> 0, p_claim -> 'hashes' ->> 1)
           and p_claim -> 'types' ? o.token_type::text
    loop
        select u.* into owner from auth.users u
         where u.id = token.user_id
           and (p_aud is null or u.aud = p_aud and not u.is_sso_user)
           and (token.token_type <> 'confirmation_token'
                or (token.relates_to = coalesce(u.phone, '')) = p_phone)
           for update;
        if found then
            perform from auth.one_time_tokens o
              where o.id = token.id and o.token_hash = token.token_hash for update;
            if found then
                token_type := token.token_type;
                return;
            end if;
        end if;
    end loop;
    owner := null;
end $$;
