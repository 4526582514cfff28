delete from auth.custom_oauth_providers c where c.identifier = $1 returning true
