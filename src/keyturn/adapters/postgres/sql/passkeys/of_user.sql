select id::text, credential_id, friendly_name, created_at, last_used_at
from auth.webauthn_credentials where user_id = $1 order by created_at, id
