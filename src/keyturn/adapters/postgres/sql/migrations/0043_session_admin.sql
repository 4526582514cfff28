-- Ending one session of somebody by an administrator. False: there is no such session.
create function keyturn.revoke_session(
    p_user uuid, p_session uuid, p_actor jsonb, p_now timestamptz, p_ip text, p_audit boolean
) returns boolean language plpgsql as $$
begin
    delete from auth.sessions s where s.id = p_session and s.user_id = p_user;
    if not found then
        return false;
    end if;
    if p_audit then
        perform keyturn.audit_by(
            'logout', p_actor, json_build_object('user_id', p_user, 'session_id', p_session),
            p_now, p_ip);
    end if;
    return true;
end $$;
