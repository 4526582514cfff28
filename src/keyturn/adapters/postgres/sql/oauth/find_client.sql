select keyturn.oauth_client_of(c) as client
  from auth.oauth_clients c where c.id = $1 and c.deleted_at is null
