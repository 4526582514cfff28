select keyturn.unenroll_factor($1, $2, $3, $4, $5, $6)
