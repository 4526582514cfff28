select keyturn.unlink_identity($1, $2, $3, $4, $5)
