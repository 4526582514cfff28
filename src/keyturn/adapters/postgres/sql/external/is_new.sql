-- $1 provider, $2 its subject, $3 verified addresses
select not exists (select from auth.identities i where i.provider = $1 and i.provider_id = $2)
   and not exists (select from auth.identities i
                    where i.email = any ($3::text[]) and i.provider not like 'sso:%')
   and not exists (select from auth.users u
                    where lower(u.email) = any ($3::text[]) and not u.is_sso_user)
