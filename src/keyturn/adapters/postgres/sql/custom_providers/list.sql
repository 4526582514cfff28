select to_jsonb(c)::text as document from auth.custom_oauth_providers c order by c.created_at, c.id
