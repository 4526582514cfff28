-- What the connected role is and may; hidden: tables whose rows it cannot see
select
    current_user::text as role,
    current_setting('search_path') as search_path,
    current_setting('server_version_num')::integer as server,
    current_setting('default_transaction_read_only')::boolean or pg_is_in_recovery() as read_only,
    to_regclass('auth.users') is not null as has_auth,
    to_regnamespace('keyturn') is not null as has_keyturn,
    coalesce(has_schema_privilege(to_regnamespace('keyturn'), 'create'), false)
        as writes_keyturn,
    has_database_privilege(current_database(), 'create') as creates_schemas,
    to_regclass('keyturn.ring') is not null as has_ring,
    array(
        select r.name from unnest(array[
            'anon', 'authenticated', 'service_role', 'supabase_auth_admin', 'postgres']) r (name)
         where not exists (select from pg_catalog.pg_roles p where p.rolname = r.name)) as no_roles,
    array(
        select c.relname::text
          from pg_catalog.pg_class c join pg_catalog.pg_roles m on m.rolname = current_user
         where c.relnamespace = to_regnamespace('auth') and c.relkind = 'r'
           and (not has_table_privilege(c.oid, 'select, insert, update, delete')
                or c.relrowsecurity and not m.rolbypassrls and not m.rolsuper
                   and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'usage')))
         order by 1) as hidden
