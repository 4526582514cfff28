select * from keyturn.request_token($1, $2, $3, $4, $5)
