select i.provider, count(distinct i.user_id) as users
from auth.identities i group by 1 order by 1
