select keyturn.oauth_revoke($1, $2, $3, $4, $5)
