with state as (
    insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at)
    select gen_random_uuid(), $2, $7, $8 where $7 <> ''
    returning id)
insert into auth.flow_state (
    id, provider_type, referrer, auth_code, code_challenge, code_challenge_method,
    authentication_method, oauth_client_state_id, provider_access_token, provider_refresh_token,
    created_at, updated_at, invite_token, linking_target_id)
values ($1, $2, $3, $4, $5, $6::text::auth.code_challenge_method, 'oauth',
        (select id from state), '', '', $8, $8, $9, $10)
