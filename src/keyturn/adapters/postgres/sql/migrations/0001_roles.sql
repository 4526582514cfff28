-- The roles of a Supabase database. Existing ones keep their attributes and passwords.
-- as: session
-- skip-if: (select count(*) = 6 from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin', 'supabase_admin')) and pg_has_role('authenticator', 'anon', 'member') and pg_has_role('authenticator', 'authenticated', 'member') and pg_has_role('authenticator', 'service_role', 'member')

do $roles$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('supabase_auth_admin', 'login noinherit'),
            -- A superuser in Supabase's own image; here only a name that users' SQL may mention.
            ('supabase_admin', 'nologin createdb createrole bypassrls')
        ) as roles (name, attributes)
    loop
        begin
            execute format('create role %I %s', wanted.name, wanted.attributes);
        exception
            -- Roles belong to the whole cluster: another database may have them, or make them now.
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$roles$;

grant anon, authenticated, service_role to authenticator;

-- As Supabase ships them; PostgREST applies the settings of the role it switches to.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_auth_admin set search_path = 'auth';
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
