delete from auth.mfa_challenges c where c.id = $1
