-- Users $1 … $2: each with an identity, a session and a v1 refresh token. Identifiers are hashes of
-- the number: they come in no order, as random ones do.
with numbered as (
    select n, md5('user' || n)::uuid as user_id, md5('session' || n)::uuid as session_id,
           'person-' || n || '@example.com' as email, now() as at
      from generate_series($1::int, $2::int) n
), users as (
    insert into auth.users (
        instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
        confirmation_token, recovery_token, email_change_token_new, email_change,
        last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at
    )
    select '00000000-0000-0000-0000-000000000000', user_id, 'authenticated', 'authenticated', email,
           '$2a$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', at, '',
           '', '', '', at, '{"provider": "email", "providers": ["email"]}',
           jsonb_build_object('sub', user_id, 'email', email, 'email_verified', true), at, at
      from numbered
), identities as (
    insert into auth.identities (
        provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
    )
    select user_id, user_id,
           jsonb_build_object('sub', user_id, 'email', email, 'email_verified', true),
           'email', at, at, at
      from numbered
), sessions as (
    insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
    select session_id, user_id, at, at, 'aal1', 'bench', '127.0.0.1'
      from numbered
), methods as (
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    select md5('method' || n)::uuid, session_id, at, at, 'password'
      from numbered
)
insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, session_id)
select '00000000-0000-0000-0000-000000000000', substr(md5('token' || n), 1, 6) || lpad(to_hex(n), 6, '0'),
       user_id, false, at, at, session_id
  from numbered
