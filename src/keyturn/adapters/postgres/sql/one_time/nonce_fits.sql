-- $1 user id, $2 hash of the nonce, $3 seconds a nonce is good for, $4 now
select exists (
    select from auth.one_time_tokens o
      join auth.users u on u.id = o.user_id
     where o.user_id = $1 and o.token_type = 'reauthentication_token' and o.token_hash = $2
       and $4 < u.reauthentication_sent_at + make_interval(secs => $3))
