-- Foreign keys between relations of the schemas $1.
select
  k.conname as constraint,
  sn.nspname as source_schema, s.relname as source,
  tn.nspname as target_schema, t.relname as target,
  (select array_agg(a.attname::text order by array_position(k.conkey, a.attnum))
   from pg_attribute a where a.attrelid = s.oid and a.attnum = any (k.conkey)) as columns,
  (select array_agg(a.attname::text order by array_position(k.confkey, a.attnum))
   from pg_attribute a where a.attrelid = t.oid and a.attnum = any (k.confkey)) as target_columns,
  exists (
    select from pg_constraint u
    where u.conrelid = s.oid and u.contype in ('p', 'u')
      and u.conkey @> k.conkey and u.conkey <@ k.conkey
  ) as one_to_one
from pg_constraint k
join pg_class s on s.oid = k.conrelid
join pg_namespace sn on sn.oid = s.relnamespace
join pg_class t on t.oid = k.confrelid
join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and k.conparentid = 0
  and sn.nspname = any ($1::text[]) and tn.nspname = any ($1::text[])
order by sn.nspname, s.relname, k.conname
