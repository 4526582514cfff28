-- Settings of roles and databases that carry keys; those of other databases are not ours to judge.
select roles.rolname::text as role,
       databases.datname::text as database,
       split_part(setting, '=', 1) as name,
       substr(setting, strpos(setting, '=') + 1) as value
from pg_catalog.pg_db_role_setting as held
left join pg_catalog.pg_roles as roles on roles.oid = held.setrole
left join pg_catalog.pg_database as databases on databases.oid = held.setdatabase
cross join lateral unnest(held.setconfig) as setting
where (setting like 'pgrst.%' or setting like 'app.settings.%')
  and (held.setdatabase = 0 or databases.datname = current_database())
order by 1, 2, 3
limit 1000
