select id::text, web_authn_credential::text as credential
from auth.mfa_factors where user_id = $1 and web_authn_credential is not null
