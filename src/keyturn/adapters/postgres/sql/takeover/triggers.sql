-- The operator's own triggers in schema auth, in the order in which PostgreSQL fires them
select c.relname as table_name, t.tgname as name, t.tgenabled <> 'D' as enabled,
       n.nspname || '.' || p.proname as function,
       has_function_privilege(t.tgfoid, 'execute')
           and has_schema_privilege(n.oid, 'usage') as callable
from pg_catalog.pg_trigger t
join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_proc p on p.oid = t.tgfoid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where c.relnamespace = to_regnamespace('auth') and not t.tgisinternal
order by c.relname, t.tgname
