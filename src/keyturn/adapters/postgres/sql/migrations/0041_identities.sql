-- Unlinking one way to sign in. The account's address and its list of providers follow.

create function keyturn.list_providers(p_user uuid) returns void
language sql as $$
    update auth.users u
       set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}') || jsonb_build_object(
               'provider', (l.names)[1], 'providers', to_jsonb(l.names))
      from (select array_agg(k.provider order by k.first_at, k.provider) as names
              from (select i.provider, min(i.created_at) as first_at
                      from auth.identities i where i.user_id = p_user group by i.provider) k) l
     where u.id = p_user
$$;

-- The address of the oldest identity that nobody else uses; none: not confirmed either.
create function keyturn.follow_identities(p_user uuid, p_now timestamptz) returns boolean
language plpgsql as $$
declare
    chosen record;
begin
    select i.email into chosen
      from auth.identities i
      join auth.users u on u.id = p_user
     where i.user_id = p_user
       and not exists (
           select from auth.users o
            where o.id <> p_user and lower(o.email) = i.email
              and o.aud is not distinct from u.aud and not o.is_sso_user)
     order by i.created_at, i.id limit 1;
    if not found then
        return false;
    end if;
    update auth.users u
       set email = nullif(chosen.email, ''), updated_at = p_now,
           email_confirmed_at = case when chosen.email <> '' then u.email_confirmed_at end
     where u.id = p_user;
    return true;
end $$;

-- Answers ok or the name of a row in keyturn.accounts.errors.
create function keyturn.unlink_identity(
    p_user uuid, p_identity uuid, p_now timestamptz, p_ip text, p_audit boolean
) returns text language plpgsql as $$
declare
    gone auth.identities;
    who keyturn.account;
begin
    -- Two requests at once must not take the last two identities away.
    perform from auth.users u where u.id = p_user for update;
    if (select count(*) from auth.identities i where i.user_id = p_user) <= 1 then
        return 'single_identity';
    end if;
    select * into gone from auth.identities i where i.id = p_identity and i.user_id = p_user;
    if not found then
        return 'identity_not_found';
    end if;
    select a.* into who from keyturn.account_of(p_user) a;
    begin
        delete from auth.identities i where i.id = p_identity;
        if gone.provider = 'phone' then
            update auth.users u set phone = null, phone_confirmed_at = null, updated_at = p_now
             where u.id = p_user;
        elsif not keyturn.follow_identities(p_user, p_now) then
            raise exception using errcode = 'KT001';
        end if;
    exception when sqlstate 'KT001' then
        return 'identity_email_conflict';
    end;
    perform keyturn.list_providers(p_user);
    if p_audit then
        perform keyturn.audit(
            'identity_unlinked', who,
            json_build_object('identity_id', gone.id, 'provider', gone.provider,
                              'provider_id', gone.provider_id),
            p_now, p_ip);
    end if;
    return 'ok';
end $$;
