-- Functions of the schemas $1 that SQL can call by name.
select
  n.nspname as schema,
  p.proname as name,
  obj_description(p.oid, 'pg_proc') as comment,
  p.provolatile = 'v' as volatile,
  p.proretset as returns_set,
  case
    when p.prorettype = 'void'::regtype then 'void'
    when t.typtype = 'c' or p.prorettype = 'record'::regtype
      or p.proargmodes::text[] && array['t', 'b', 'o'] then 'composite'
    else 'scalar'
  end as returns,
  rn.nspname as row_schema,
  r.relname as row_name,
  (select json_agg(json_build_array(
      a.attname, format_type(a.atttypid, -1), format_type(a.atttypid, -1), true, null,
      a.atttypid in ('json'::regtype, 'jsonb'::regtype)) order by a.attnum)
   from pg_attribute a
   where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as row_columns,
  (select json_agg(json_build_array(
      p.proargnames[i], format_type(p.proallargtypes[i], -1),
      format_type(p.proallargtypes[i], -1), true, null,
      p.proallargtypes[i] in ('json'::regtype, 'jsonb'::regtype)) order by i)
   from generate_subscripts(p.proallargtypes, 1) as i
   where p.proargmodes[i] in ('t', 'b', 'o')) as out_columns,
  coalesce((
    select json_agg(json_build_array(
      coalesce(p.proargnames[i], ''),
      format_type(coalesce(p.proallargtypes[i], p.proargtypes[i - 1]), -1),
      row_number <= p.pronargs - p.pronargdefaults,
      coalesce(p.proargmodes[i] = 'v', false)) order by i)
    from (
      select i, row_number() over (order by i) as row_number
      from generate_series(1, coalesce(cardinality(p.proallargtypes), p.pronargs::int)) as i
      where p.proargmodes is null or p.proargmodes[i] in ('i', 'b', 'v')
    ) as inputs
  ), '[]') as parameters
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
left join pg_class r on r.oid = t.typrelid
left join pg_namespace rn on rn.oid = r.relnamespace
where n.nspname = any ($1::text[]) and p.prokind = 'f'
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
order by n.nspname, p.proname, p.oid
