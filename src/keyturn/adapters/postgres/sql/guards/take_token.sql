select keyturn.take_token($1, $2, $3, $4)
