-- $1 schemas, $2 names: of each, whether it is there and may be called with one argument
select h.schema, h.name, p.oid is not null as found,
       coalesce(has_function_privilege(p.oid, 'execute') and has_schema_privilege(n.oid, 'usage'),
                false) as callable
from unnest($1::text[], $2::text[]) h (schema, name)
left join pg_catalog.pg_namespace n on n.nspname = h.schema
left join pg_catalog.pg_proc p
  on p.pronamespace = n.oid and p.proname = h.name and p.pronargs = 1
