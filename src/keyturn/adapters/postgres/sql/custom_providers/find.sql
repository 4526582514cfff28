select to_jsonb(c)::text as document from auth.custom_oauth_providers c where c.identifier = $1
