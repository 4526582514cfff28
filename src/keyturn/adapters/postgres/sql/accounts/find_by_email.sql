-- $1 lower-case address, $2 audience
select u.encrypted_password as password_hash, a as who
from auth.users u, lateral keyturn.account_of(u.id) a
where u.instance_id = '00000000-0000-0000-0000-000000000000'
  and lower(u.email) = $1 and u.aud = $2 and u.is_sso_user = false
limit 1
