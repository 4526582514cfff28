-- What `ALTER ROLE … SET statement_timeout` says, which SET ROLE alone does not apply.
select r.rolname as role, split_part(s.setting, '=', 2) as timeout
from pg_roles r, unnest(r.rolconfig) as s(setting)
where s.setting like 'statement\_timeout=%'
union all
select '', current_setting('statement_timeout')
