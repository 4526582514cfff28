-- Creating, changing and deleting accounts. Documents come as jsonb: these are rare, wide writes.

-- A patch of metadata: members are set, null removes one.
create function keyturn.patched(p_old jsonb, p_patch jsonb) returns jsonb
language sql immutable as $$
    select case when p_patch is null then p_old else
        (coalesce(p_old, '{}') || p_patch)
        - coalesce((select array_agg(e.key) from jsonb_each(p_patch) e where e.value = 'null'), '{}')
    end
$$;

create function keyturn.traits_of(p_who keyturn.account) returns json
language sql immutable as $$
    select json_build_object(
        'user_email', (p_who).email, 'user_id', (p_who).id, 'user_phone', (p_who).phone)
$$;

create function keyturn.audit_by(
    p_action text, p_actor jsonb, p_traits json, p_now timestamptz, p_ip text
) returns void language sql as $$
    select keyturn.audit_as(
        p_action, p_actor ->> 'id', p_actor ->> 'username', (p_actor ->> 'via_sso')::boolean,
        p_actor ->> 'name', p_traits, p_now, p_ip)
$$;

create function keyturn.add_identity(
    p_user uuid, p_provider text, p_data jsonb, p_now timestamptz
) returns void language sql as $$
    insert into auth.identities (
        provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values (p_user::text, p_user, p_data, p_provider, p_now, p_now, p_now)
$$;

-- GoTrue inserts the account unconfirmed and confirms it afterwards; triggers count on both.
create function keyturn.confirm(
    p_user uuid, p_email boolean, p_phone boolean, p_now timestamptz
) returns void language plpgsql as $$
begin
    update auth.users u
       set confirmation_token = '', updated_at = p_now,
           email_confirmed_at = case when p_email then p_now else u.email_confirmed_at end,
           phone_confirmed_at = case when p_phone then p_now else u.phone_confirmed_at end,
           raw_user_meta_data = case when p_email
               then keyturn.patched(u.raw_user_meta_data, '{"email_verified": true}')
               else u.raw_user_meta_data end
     where u.id = p_user;
    delete from auth.one_time_tokens o where o.user_id = p_user;
end $$;

create function keyturn.create_user(
    p_new jsonb, p_actor jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns setof keyturn.account language plpgsql as $$
declare
    new_id uuid := (p_new ->> 'id')::uuid;
    who keyturn.account;
begin
    insert into auth.users (
        instance_id, id, aud, role, email, phone, encrypted_password, raw_app_meta_data,
        raw_user_meta_data, is_anonymous, banned_until, created_at, updated_at,
        confirmation_token, recovery_token, email_change_token_new, email_change)
    values (
        '00000000-0000-0000-0000-000000000000', new_id, p_new ->> 'aud', p_new ->> 'role',
        nullif(p_new ->> 'email', ''), nullif(p_new ->> 'phone', ''),
        coalesce(p_new ->> 'password_hash', ''), p_new -> 'app_metadata',
        p_new -> 'user_metadata', (p_new ->> 'is_anonymous')::boolean,
        (p_new ->> 'banned_until')::timestamptz, p_now, p_now, '', '', '', '');
    if p_new ->> 'email' <> '' then
        perform keyturn.add_identity(
            new_id, 'email', (p_new -> 'identity_data') || jsonb_build_object('email', p_new -> 'email'),
            p_now);
    end if;
    if p_new ->> 'phone' <> '' then
        perform keyturn.add_identity(
            new_id, 'phone', (p_new -> 'identity_data') || jsonb_build_object('phone', p_new -> 'phone'),
            p_now);
    end if;
    if (p_new ->> 'confirm_email')::boolean or (p_new ->> 'confirm_phone')::boolean then
        perform keyturn.confirm(
            new_id, (p_new ->> 'confirm_email')::boolean, (p_new ->> 'confirm_phone')::boolean, p_now);
    end if;
    select a.* into who from keyturn.account_of(new_id) a;
    if p_audit and p_actor is null then
        perform keyturn.audit(
            'user_signedup', who,
            case when p_new ->> 'provider' <> '' then json_build_object('provider', p_new ->> 'provider') end,
            p_now, p_ip);
    elsif p_audit then
        perform keyturn.audit_by('user_signedup', p_actor, keyturn.traits_of(who), p_now, p_ip);
    end if;
    return next who;
end $$;

create function keyturn.sign_up(
    p_new jsonb, p_session uuid, p_method text, p_provider text, p_token text, p_hmac_key text,
    p_now timestamptz, p_ip text, p_agent text, p_audit boolean,
    out who keyturn.account, out opened keyturn.session_facts
) language plpgsql as $$
declare
    entered record;
begin
    perform keyturn.create_user(
        p_new || jsonb_build_object('provider', p_provider), null, p_now, p_ip, p_audit);
    select * into entered
      from keyturn.open_session(
               (p_new ->> 'id')::uuid, null, null, p_session, p_method, p_provider, p_token,
               p_hmac_key, p_now, p_ip, p_agent, p_audit);
    who := entered.who;
    opened := entered.opened;
end $$;

-- A new address or number: the identity follows, and is made when there was none.
create function keyturn.set_identity(
    p_user uuid, p_provider text, p_value text, p_verified boolean, p_now timestamptz
) returns void language plpgsql as $$
begin
    update auth.identities i
       set identity_data = i.identity_data || jsonb_build_object(p_provider, p_value), updated_at = p_now
     where i.user_id = p_user and i.provider = p_provider and i.provider_id = p_user::text;
    if found then
        return;
    end if;
    perform keyturn.add_identity(
        p_user, p_provider,
        jsonb_build_object('sub', p_user, 'email_verified', p_verified and p_provider = 'email',
                           'phone_verified', p_verified and p_provider = 'phone', p_provider, p_value),
        p_now);
    update auth.users u
       set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}') || jsonb_build_object(
               'provider', (l.names)[1], 'providers', to_jsonb(l.names))
      from (select array_agg(i.provider order by i.created_at, i.provider) as names
              from auth.identities i where i.user_id = p_user) l
     where u.id = p_user;
end $$;

create function keyturn.set_password(
    p_user uuid, p_hash text, p_keep uuid, p_now timestamptz
) returns void language plpgsql as $$
begin
    update auth.users u
       set encrypted_password = nullif(p_hash, ''), updated_at = p_now,
           confirmation_token = '', confirmation_sent_at = null,
           recovery_token = '', recovery_sent_at = null,
           email_change_token_current = '', email_change_token_new = '', email_change_sent_at = null,
           phone_change_token = '', phone_change_sent_at = null,
           reauthentication_token = '', reauthentication_sent_at = null
     where u.id = p_user;
    delete from auth.one_time_tokens o where o.user_id = p_user;
    delete from auth.sessions s where s.user_id = p_user and s.id is distinct from p_keep;
    delete from auth.refresh_tokens t where t.user_id = p_user::text and t.session_id is null;
end $$;

create function keyturn.update_user(
    p_id uuid, p_change jsonb, p_actor jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns setof keyturn.account language plpgsql as $$
declare
    who keyturn.account;
    itself boolean := p_actor ->> 'id' = p_id::text;
begin
    perform from auth.users u where u.id = p_id for update;
    if not found then
        return;
    end if;
    update auth.users u
       set role = coalesce(p_change ->> 'role', u.role),
           email = coalesce(p_change ->> 'email', u.email),
           phone = coalesce(p_change ->> 'phone', u.phone),
           email_change = case when p_change ? 'email' then '' else u.email_change end,
           phone_change = case when p_change ? 'phone' then '' else u.phone_change end,
           raw_user_meta_data = keyturn.patched(u.raw_user_meta_data, p_change -> 'user_metadata'),
           raw_app_meta_data = keyturn.patched(u.raw_app_meta_data, p_change -> 'app_metadata'),
           is_anonymous = u.is_anonymous and not p_change ?| array['email', 'phone'],
           banned_until = case when (p_change ->> 'lift_ban')::boolean then null
                else coalesce((p_change ->> 'banned_until')::timestamptz, u.banned_until) end,
           updated_at = p_now
     where u.id = p_id;
    if p_change ? 'password_hash' then
        perform keyturn.set_password(
            p_id, p_change ->> 'password_hash', (p_change ->> 'keep_session')::uuid, p_now);
    end if;
    if p_change ? 'email' then
        perform keyturn.set_identity(
            p_id, 'email', p_change ->> 'email', (p_change ->> 'confirm_email')::boolean, p_now);
    end if;
    if p_change ? 'phone' then
        perform keyturn.set_identity(
            p_id, 'phone', p_change ->> 'phone', (p_change ->> 'confirm_phone')::boolean, p_now);
    end if;
    if (p_change ->> 'confirm_email')::boolean or (p_change ->> 'confirm_phone')::boolean then
        perform keyturn.confirm(
            p_id, (p_change ->> 'confirm_email')::boolean, (p_change ->> 'confirm_phone')::boolean, p_now);
    end if;
    select a.* into who from keyturn.account_of(p_id) a;
    if p_audit then
        if itself and p_change ? 'password_hash' then
            perform keyturn.audit('user_updated_password', who, null, p_now, p_ip);
        end if;
        perform keyturn.audit_by(
            'user_modified', p_actor, case when not itself then keyturn.traits_of(who) end, p_now, p_ip);
    end if;
    return next who;
end $$;

create function keyturn.obscured(p_salt text, p_value text) returns text
language sql immutable strict as $$
    select encode(sha256(convert_to(p_salt || p_value, 'UTF8')), 'base64')
$$;

-- Soft: the row stays for the operator's foreign keys, and says nothing about the person.
create function keyturn.soft_delete(p_id uuid, p_now timestamptz) returns void
language plpgsql as $$
begin
    update auth.users u
       set email = keyturn.obscured(u.id::text, u.email),
           phone = left(keyturn.obscured(u.id::text, u.phone), 15),
           email_change = '', phone_change = '', encrypted_password = null,
           confirmation_token = '', recovery_token = '', email_change_token_current = '',
           email_change_token_new = '', phone_change_token = '', reauthentication_token = '',
           raw_user_meta_data = '{}', raw_app_meta_data = '{}',
           deleted_at = p_now, updated_at = p_now
     where u.id = p_id and u.deleted_at is null;
    if not found then
        return;
    end if;
    update auth.identities i
       set provider_id = keyturn.obscured(i.id::text, i.provider_id), identity_data = '{}',
           updated_at = p_now
     where i.user_id = p_id;
    delete from auth.mfa_factors f where f.user_id = p_id;
    delete from auth.one_time_tokens o where o.user_id = p_id;
    delete from auth.sessions s where s.user_id = p_id;
    delete from auth.refresh_tokens t where t.user_id = p_id::text;
end $$;

create function keyturn.delete_user(
    p_id uuid, p_soft boolean, p_actor jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
declare
    who keyturn.account;
begin
    select a.* into who from keyturn.account_of(p_id) a;
    if not found then
        return false;
    end if;
    if p_soft then
        perform keyturn.soft_delete(p_id, p_now);
    else
        delete from auth.refresh_tokens t where t.user_id = p_id::text and t.session_id is null;
        delete from auth.users u where u.id = p_id;
    end if;
    if p_audit then
        perform keyturn.audit_by('user_deleted', p_actor, keyturn.traits_of(who), p_now, p_ip);
    end if;
    return true;
end $$;
