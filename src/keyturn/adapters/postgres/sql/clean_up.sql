select keyturn.clean_up($1, $2, $3, $4)
