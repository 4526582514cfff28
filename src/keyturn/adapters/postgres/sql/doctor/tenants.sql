-- Realtime's tenants with their key sets; older versions have no jwt_jwks.
select tenants.external_id::text as tenant, to_jsonb(tenants) ->> 'jwt_jwks' as jwks
from (select * from _realtime.tenants) as tenants
order by 1
limit 1000
