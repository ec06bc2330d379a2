-- Change what is told of somebody and leave the rest as it is, so that of two who change different things at the same time
-- neither undoes the other. With a hash, only while it is that of the password.
CREATE FUNCTION access.change_account(t integer, id text, told jsonb, hash text) RETURNS bytea LANGUAGE sql AS $$
    UPDATE access.account a
    SET body = convert_to((convert_from(a.body, 'UTF8')::jsonb || told)::text, 'UTF8')
    WHERE a.tenant_id = t AND a.user_id = id
      AND (hash = '' OR convert_from(a.body, 'UTF8')::jsonb ->> 'password_hash' = hash)
    RETURNING a.body;
$$;
