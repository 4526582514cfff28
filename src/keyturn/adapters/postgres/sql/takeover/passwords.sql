-- Kinds of stored passwords; nothing of a hash leaves the database
select case
           when coalesce(u.encrypted_password, '') = '' then 'none'
           when u.encrypted_password ~ '^\$2[aby]\$\d\d\$' then 'bcrypt'
           when u.encrypted_password ~ '^\$argon2id?\$v=19\$' then 'argon2'
           when u.encrypted_password ~ '^\$fbscrypt\$v=1,' then 'fbscrypt'
           when u.encrypted_password like '{%' then 'encrypted'
           else 'other'
       end as kind,
       count(*) as found
from auth.users u
where u.deleted_at is null
group by 1
order by 2 desc, 1
