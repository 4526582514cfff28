select f.id::text, f.provider_type, coalesce(c.referrer, ''), f.created_at, f.auth_code,
       f.code_challenge, f.code_challenge_method::text, coalesce(c.code_verifier, ''),
       coalesce(c.invite_token, ''), c.linking_target_id::text, f.user_id is not null
  from auth.flow_state f, lateral keyturn.context_of(f) c
 where f.id = $1 and f.authentication_method = 'oauth'
   and c.referrer is not null
