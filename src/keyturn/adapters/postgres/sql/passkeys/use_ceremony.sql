select session, expires_at, passkey_id, user_id, public_key, sign_count, who
from keyturn.use_ceremony($1, $2)
