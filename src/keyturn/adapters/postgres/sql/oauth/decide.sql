select * from keyturn.oauth_decide($1, $2, $3, $4, $5)
