update auth.oauth_clients c set deleted_at = $2, updated_at = $2
 where c.id = $1 and c.deleted_at is null returning true
