select verdict, cause, token, hmac_key, counter, who, opened
from keyturn.refresh_v2($1, $2, $3, $4, $5, $6, $7, :rules, $8)
