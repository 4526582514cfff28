select keyturn.admin_change_factor($1, $2, $3, $4, $5, $6, $7)
