select user_id::text, challenge_type, session_data::text as session, expires_at
from auth.webauthn_challenges where id = $1
