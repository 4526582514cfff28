insert into auth.oauth_authorizations (
    id, authorization_id, client_id, redirect_uri, scope, state, resource, code_challenge,
    code_challenge_method, nonce, created_at, expires_at)
values (
    gen_random_uuid(), $1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7,
    $8::text::auth.code_challenge_method, nullif($9, ''), $10, $11)
