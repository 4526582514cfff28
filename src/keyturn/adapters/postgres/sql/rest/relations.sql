-- Tables and views of the schemas $1 with their columns. Run with an empty search_path, so that
-- every type outside pg_catalog is spelled with its schema.
with recursive bases as (
  select t.oid, t.typbasetype as base from pg_type t where t.typtype = 'd'
  union all
  select b.oid, t.typbasetype from bases b join pg_type t on t.oid = b.base where t.typtype = 'd'
), bottom as (
  select b.oid, b.base from bases b join pg_type t on t.oid = b.base where t.typtype <> 'd'
)
select
  n.nspname as schema,
  c.relname as name,
  c.relkind in ('v', 'm') as is_view,
  obj_description(c.oid, 'pg_class') as comment,
  coalesce((
    select array_agg(a.attname::text order by array_position(k.conkey, a.attnum))
    from pg_constraint k
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
    where k.conrelid = c.oid and k.contype = 'p'
  ), '{}') as primary_key,
  coalesce((
    select json_agg(json_build_array(
      a.attname,
      format_type(a.atttypid, -1),
      format_type(coalesce(b.base, a.atttypid), -1),
      not a.attnotnull,
      case
        when a.attidentity <> '' then format(
          'nextval(%L::regclass)',
          pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname))
        when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid)
      end,
      coalesce(b.base, a.atttypid) in ('json'::regtype, 'jsonb'::regtype)
    ) order by a.attnum)
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join bottom b on b.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ), '[]') as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'v', 'm', 'f', 'p')
  and not c.relispartition
