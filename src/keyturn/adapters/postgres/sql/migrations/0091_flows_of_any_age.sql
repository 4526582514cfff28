-- Signing in with a provider on a schema auth of any age. Since GoTrue's migration 20260115000000
-- auth.flow_state has what a flow has to remember; before, GoTrue put it into a signed `state`, and
-- Keyturn keeps it here.

create table keyturn.flow_contexts (
    flow_id uuid primary key,
    referrer text not null,
    code_verifier text not null,
    invite_token text not null,
    linking_target_id uuid,
    created_at timestamptz not null
);
create index flow_contexts_created_at on keyturn.flow_contexts (created_at);

create type keyturn.flow_context as (
    referrer text,
    code_verifier text,
    invite_token text,
    linking_target_id uuid
);

-- p_flow: id, provider, referrer, auth_code, challenge, method, verifier, invite_token, target.
create function keyturn.begin_flow(p_flow jsonb, p_now timestamptz) returns void
language plpgsql as $$
declare
    state uuid;
begin
    if to_jsonb(jsonb_populate_record(null::auth.flow_state, '{}')) ? 'referrer' then
        if p_flow ->> 'verifier' <> '' then
            state := gen_random_uuid();
            insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at)
            values (state, p_flow ->> 'provider', p_flow ->> 'verifier', p_now);
        end if;
        insert into auth.flow_state (
            id, provider_type, referrer, auth_code, code_challenge, code_challenge_method,
            authentication_method, oauth_client_state_id, provider_access_token,
            provider_refresh_token, created_at, updated_at, invite_token, linking_target_id)
        values (
            (p_flow ->> 'id')::uuid, p_flow ->> 'provider', p_flow ->> 'referrer',
            p_flow ->> 'auth_code', p_flow ->> 'challenge',
            (p_flow ->> 'method')::auth.code_challenge_method, 'oauth', state, '', '', p_now, p_now,
            nullif(p_flow ->> 'invite_token', ''), (p_flow ->> 'target')::uuid);
        return;
    end if;
    delete from keyturn.flow_contexts c where c.created_at < p_now - interval '1 day';
    insert into keyturn.flow_contexts
    values (
        (p_flow ->> 'id')::uuid, p_flow ->> 'referrer', p_flow ->> 'verifier',
        p_flow ->> 'invite_token', (p_flow ->> 'target')::uuid, p_now);
    -- Without PKCE nobody learns this code, and no verifier has an empty challenge.
    insert into auth.flow_state (
        id, provider_type, auth_code, code_challenge, code_challenge_method, authentication_method,
        provider_access_token, provider_refresh_token, created_at, updated_at)
    values (
        (p_flow ->> 'id')::uuid, p_flow ->> 'provider',
        coalesce(p_flow ->> 'auth_code', gen_random_uuid()::text),
        coalesce(p_flow ->> 'challenge', ''),
        coalesce(p_flow ->> 'method', 's256')::auth.code_challenge_method, 'oauth', '', '', p_now,
        p_now);
end $$;

-- What a flow remembers, wherever it is kept; all null when nothing is known of it.
create function keyturn.context_of(p_flow auth.flow_state) returns keyturn.flow_context
language plpgsql stable as $$
declare
    told jsonb := to_jsonb(p_flow);
    context keyturn.flow_context;
begin
    if told ? 'referrer' then
        context := jsonb_populate_record(null::keyturn.flow_context, told);
        context.referrer := coalesce(context.referrer, '');
        select s.code_verifier into context.code_verifier from auth.oauth_client_states s
         where s.id = (told ->> 'oauth_client_state_id')::uuid;
    else
        select c.referrer, c.code_verifier, c.invite_token, c.linking_target_id into context
          from keyturn.flow_contexts c where c.flow_id = p_flow.id;
    end if;
    return context;
end $$;
