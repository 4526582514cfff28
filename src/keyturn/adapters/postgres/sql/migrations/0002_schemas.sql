-- Schema auth is GoTrue's, schema keyturn is ours; supabase_auth_admin owns both.
-- as: session
-- needs: Let an administrator run: create schema keyturn authorization supabase_auth_admin; then connect as supabase_auth_admin.

do $schemas$
begin
    if to_regnamespace('auth') is null then
        create schema auth authorization supabase_auth_admin;
        set local role supabase_auth_admin;
        -- For auth.uid() and its sisters in policies.
        grant usage on schema auth to anon, authenticated, service_role;
        reset role;
    end if;
    if to_regnamespace('keyturn') is null then
        create schema keyturn authorization supabase_auth_admin;
    end if;
end
$schemas$;

set local role supabase_auth_admin;

create table keyturn.migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
);
