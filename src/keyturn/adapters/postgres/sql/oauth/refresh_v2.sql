select verdict, cause, token, hmac_key, counter, who, opened
from keyturn.oauth_refresh_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
