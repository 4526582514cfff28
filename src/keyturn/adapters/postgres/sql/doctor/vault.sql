-- Secrets that are a token or an API key. Everything else in the vault stays there.
select 'secret ' || coalesce(nullif(name, ''), id::text) as name,
       left(decrypted_secret, 16384) as text
from vault.decrypted_secrets
where decrypted_secret ~ '^\s*(Bearer\s+)?(eyJ|sb_(publishable|secret)_)'
order by 1
limit 1000
