select keyturn.revoke_session($1, $2, $3, $4, $5, $6)
