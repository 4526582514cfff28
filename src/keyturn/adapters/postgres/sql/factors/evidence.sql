-- $1 user id, $2 factor id, $3 challenge id; no row: no such factor
select
    f.secret, f.web_authn_credential::text as credential,
    c.id::text as challenge_id, c.created_at, c.verified_at, host(c.ip_address) as ip,
    c.otp_code, c.web_authn_session_data::text as session_data
from auth.mfa_factors f
left join auth.mfa_challenges c on c.id = $3 and c.factor_id = f.id
where f.id = $2 and f.user_id = $1
