select verdict, cause, token, hmac_key, counter, who, opened
from keyturn.refresh_v1($1, $2, $3, $4, $5, $6, :rules)
