-- Whether pg_cron's policy hides other roles' jobs from this one.
select row_security_active('cron.job') as filtered
