select keyturn.delete_user($1, $2, $3, $4, $5, $6)
