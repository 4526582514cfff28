select who, opened from keyturn.sign_up($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
