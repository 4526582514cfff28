-- MEMBER, not SET: PostgreSQL 15 does not know SET yet.
select pg_catalog.pg_has_role(oid, 'member') from pg_catalog.pg_roles where rolname = $1
