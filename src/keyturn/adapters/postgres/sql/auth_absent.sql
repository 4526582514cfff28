-- $1 names in schema auth, table or table.column; answers those that are not there
select n as name
from unnest($1::text[]) n
where case when strpos(n, '.') = 0 then to_regclass('auth.' || n) is null
           else not exists (
               select from pg_catalog.pg_attribute a
                where a.attrelid = to_regclass('auth.' || split_part(n, '.', 1))
                  and a.attname = split_part(n, '.', 2) and not a.attisdropped)
      end
order by 1
