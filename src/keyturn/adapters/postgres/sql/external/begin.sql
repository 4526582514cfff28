select keyturn.begin_flow($1, $2)
