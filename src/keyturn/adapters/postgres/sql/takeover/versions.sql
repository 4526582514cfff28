select version from auth.schema_migrations order by version
