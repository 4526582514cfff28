select c.relname as table_name, a.attname as column_name,
       a.attnotnull and not a.atthasdef and a.attidentity = '' as must_be_given
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = to_regnamespace('auth') and c.relkind in ('r', 'p')
order by 1, a.attnum
