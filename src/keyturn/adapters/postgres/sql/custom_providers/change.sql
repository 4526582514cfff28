update auth.custom_oauth_providers c
   set name = n.name, client_id = n.client_id, client_secret = n.client_secret,
       acceptable_client_ids = n.acceptable_client_ids, scopes = n.scopes,
       pkce_enabled = n.pkce_enabled, attribute_mapping = n.attribute_mapping,
       authorization_params = n.authorization_params, enabled = n.enabled,
       email_optional = n.email_optional, issuer = n.issuer, discovery_url = n.discovery_url,
       skip_nonce_check = n.skip_nonce_check, authorization_url = n.authorization_url,
       token_url = n.token_url, userinfo_url = n.userinfo_url, jwks_uri = n.jwks_uri,
       updated_at = n.updated_at
  from jsonb_populate_record(null::auth.custom_oauth_providers, $1) n
 where c.id = n.id
returning to_jsonb(c)::text as document
