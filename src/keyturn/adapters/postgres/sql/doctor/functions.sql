-- Functions that hold a credential, read JWT_SECRET, or sign tokens with pgjwt's
-- sign(payload, secret [, algorithm]); PostgreSQL's own sign() takes one number.
with own as (
    select routines.oid, namespaces.nspname, routines.proname, left(routines.prosrc, 100000) as source
    from pg_catalog.pg_proc as routines
    join pg_catalog.pg_namespace as namespaces on namespaces.oid = routines.pronamespace
    join pg_catalog.pg_language as languages on languages.oid = routines.prolang
    where namespaces.nspname not in ('pg_catalog', 'information_schema')
      and namespaces.nspname not like 'pg\_%'
      and languages.lanname not in ('internal', 'c')
      and not exists (
          select from pg_catalog.pg_depend as parts
          where parts.classid = 'pg_catalog.pg_proc'::regclass
            and parts.objid = routines.oid
            and parts.deptype = 'e'
      )
)
select nspname || '.' || proname || '(' || pg_get_function_identity_arguments(oid) || ')' as name,
       source as text,
       source ~ 'app\.settings\.jwt_secret' as reads_secret,
       source ~* '\msign\s*\([^;]*,' as signs
from own
where source ~ 'eyJ|sb_(publishable|secret)_|app\.settings\.jwt_secret'
   or source ~* '\msign\s*\([^;]*,'
order by 1
limit 1000
