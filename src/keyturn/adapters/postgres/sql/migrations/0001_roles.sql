-- The roles of a Supabase database. Existing ones keep their attributes and passwords.
-- as: session
-- needs: Connect as a superuser, or as a role with CREATEROLE and BYPASSRLS, to create the roles of a Supabase database.
-- skip-if: (select count(*) = 7 from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin', 'supabase_admin', 'postgres')) and (select count(distinct roleid) = 3 from pg_auth_members where member::regrole::text = 'authenticator' and roleid::regrole::text in ('anon', 'authenticated', 'service_role'))

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
            ('supabase_admin', 'nologin createdb createrole bypassrls'),
            -- GoTrue's own migrations grant to it; a managed server may call its administrator otherwise.
            ('postgres', 'nologin')
        ) as roles (name, attributes)
    loop
        begin
            execute format('create role %I %s', wanted.name, wanted.attributes);
        exception
            -- Roles belong to the whole cluster: another database may have them, or make them now.
            when duplicate_object or unique_violation then null;
        end;
    end loop;
    -- An administrator who is no superuser must be a member to make the owner's schemas.
    if not (select rolsuper from pg_roles where rolname = current_user)
        and current_user <> 'supabase_auth_admin'
    then
        execute format('grant supabase_auth_admin to %I', current_user);
    end if;
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
