select f.id::text, f.provider_type, coalesce(f.referrer, ''), f.created_at, f.auth_code,
       f.code_challenge, f.code_challenge_method::text, coalesce(s.code_verifier, ''),
       coalesce(f.invite_token, ''), f.linking_target_id::text
  from auth.flow_state f
  left join auth.oauth_client_states s on s.id = f.oauth_client_state_id
 where f.id = $1 and f.user_id is null and f.authentication_method = 'oauth'
