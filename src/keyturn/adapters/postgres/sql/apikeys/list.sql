select a.id, a.name, a.kind, a.role, a.hash, a.prefix, a.description, a.created_at, a.last_used_at, a.revoked_at
from keyturn.api_keys a
order by a.created_at, a.kind, a.name, a.id
