select keyturn.start_ceremony($1, $2, $3, $4, $5, $6)
