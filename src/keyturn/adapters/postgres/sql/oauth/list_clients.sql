select keyturn.oauth_client_of(c) as client
  from auth.oauth_clients c where c.deleted_at is null order by c.created_at desc, c.id
