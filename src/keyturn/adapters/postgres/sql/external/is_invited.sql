select exists (select from auth.one_time_tokens o
                where o.token_hash = $1 and o.token_type = 'confirmation_token')
