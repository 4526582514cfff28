select * from keyturn.oauth_look_at($1, $2, $3, $4)
