-- pg_cron's jobs whose command holds a credential. Its policy shows a role its own jobs only.
select 'job ' || coalesce(jobname::text, jobid::text) as name,
       left(command, 100000) as text
from cron.job
where command ~ 'eyJ|sb_(publishable|secret)_'
order by 1
limit 1000
