select f.factor_type::text as kind, count(*) as found
from auth.mfa_factors f where f.status = 'verified' group by 1 order by 1
