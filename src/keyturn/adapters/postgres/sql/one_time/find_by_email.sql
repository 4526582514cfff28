-- $1 lower-case address, $2 audience, $3 $4 the budget (count, seconds), $5 now; always one row
select
    (select a from auth.users u, lateral keyturn.account_of(u.id) a
      where u.instance_id = '00000000-0000-0000-0000-000000000000'
        and lower(u.email) = $1 and u.aud = $2 and not u.is_sso_user limit 1) as who,
    keyturn.sends_left('email', $3, $4, $5) as remaining
