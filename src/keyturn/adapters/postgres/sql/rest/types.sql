-- Types that a select list may cast to: pg_catalog's own and those of the schemas $1.
select t.typname as name, format_type(t.oid, -1) as spelling
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typisdefined and t.typtype in ('b', 'e', 'd', 'r', 'm')
  and (n.nspname = 'pg_catalog' or n.nspname = any ($1::text[]) or n.nspname = 'extensions')
  and t.typname <> 'char' and t.typname not like 'reg%'
