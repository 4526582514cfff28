-- GoTrue cannot read a client whose client_secret_hash is null: a public one has ''
insert into auth.oauth_clients as c (
    id, client_type, token_endpoint_auth_method, redirect_uris, grant_types, client_name,
    client_uri, logo_uri, registration_type, client_secret_hash, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, ''), $11, $11)
returning keyturn.oauth_client_of(c) as client
