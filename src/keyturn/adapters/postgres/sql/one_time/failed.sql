select keyturn.message_failed($1, $2, $3)
