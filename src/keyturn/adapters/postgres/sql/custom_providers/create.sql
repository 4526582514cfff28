-- $1 the row as JSON (columns of a newer or older GoTrue may be missing or more), $2 the quota
insert into auth.custom_oauth_providers
select (jsonb_populate_record(null::auth.custom_oauth_providers, $1)).*
 where $2::integer = 0 or (select count(*) from auth.custom_oauth_providers) < $2
returning to_jsonb(custom_oauth_providers)::text as document
