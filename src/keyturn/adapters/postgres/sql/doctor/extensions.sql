-- Which extensions each Realtime tenant has; without one it serves nothing from the database.
select tenant_external_id::text as tenant, type::text as type
from _realtime.extensions
order by 1, 2
limit 1000
