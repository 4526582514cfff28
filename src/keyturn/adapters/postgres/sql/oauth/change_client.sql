update auth.oauth_clients c
   set redirect_uris = coalesce($2, c.redirect_uris),
       grant_types = coalesce($3, c.grant_types),
       client_name = coalesce($4, c.client_name),
       client_uri = coalesce($5, c.client_uri),
       logo_uri = coalesce($6, c.logo_uri),
       client_secret_hash = coalesce($7, c.client_secret_hash),
       updated_at = $8
 where c.id = $1 and c.deleted_at is null
returning keyturn.oauth_client_of(c) as client
