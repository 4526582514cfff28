select keyturn.sign_out($1, $2, $3, $4, $5, $6)
