select keyturn.admin_delete_factor($1, $2, $3, $4, $5, $6)
