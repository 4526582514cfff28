select a as who from keyturn.create_user($1, $2, $3, $4, $5) a
