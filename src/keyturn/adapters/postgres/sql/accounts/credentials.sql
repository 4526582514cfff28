-- $1 user id
select u.encrypted_password as password_hash, a as who
from auth.users u, lateral keyturn.account_of(u.id) a
where u.id = $1
