select a as who from keyturn.update_user($1, $2, $3, $4, $5, $6) a
