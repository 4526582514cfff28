select * from keyturn.create_pending($1, $2, $3, $4, $5)
