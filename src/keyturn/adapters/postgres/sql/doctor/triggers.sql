-- Triggers whose arguments hold a credential: database webhooks (supabase_functions.http_request)
-- and home-made ones. The arguments are separated by zero bytes.
select namespaces.nspname || '.' || tables.relname || ' / trigger ' || triggers.tgname as name,
       triggers.tgargs as arguments
from pg_catalog.pg_trigger as triggers
join pg_catalog.pg_class as tables on tables.oid = triggers.tgrelid
join pg_catalog.pg_namespace as namespaces on namespaces.oid = tables.relnamespace
where not triggers.tgisinternal
  and triggers.tgnargs > 0
  and encode(triggers.tgargs, 'escape') ~ 'eyJ|sb_(publishable|secret)_'
order by 1
limit 1000
