-- What a decision needs to know, as one value from one snapshot; null if there is no such tenant.
-- A contribution stamped later than p_at still counts: it was recorded before this decision, and
-- leaving it out would let two requests that overlap each count the other out.
CREATE FUNCTION ledger.circumstances(
    p_tenant text, p_session text, p_counters jsonb, p_at timestamptz
) RETURNS jsonb LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
    SELECT jsonb_build_object(
        'bundle', (SELECT digest FROM bundle WHERE tenant = p_tenant AND active),
        'roster_version', coalesce((SELECT version FROM roster WHERE tenant = p_tenant), -1),
        'history', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'action', past.action_id, 'tool', past.tool, 'action_class', past.action_class,
                'verdict', past.verdict, 'effective', past.effective, 'phase', past.phase,
                'disposition', past.disposition, 'outcome', past.outcome,
                'at', past.requested_at) ORDER BY past.requested_at, past.action_id), '[]')
            FROM (
                SELECT * FROM action WHERE tenant = p_tenant AND session = p_session
                ORDER BY requested_at DESC, action_id DESC LIMIT 50) AS past),
        'counters', (
            SELECT coalesce(jsonb_object_agg(asked.name, jsonb_build_object(
                'count', reading.count, 'sum', reading.sum, 'version', coalesce(
                    (SELECT version FROM velocity_key
                     WHERE tenant = p_tenant AND key = asked.key), 0))), '{}')
            FROM jsonb_to_recordset(p_counters)
                AS asked(name text, key text, "window" int, attempts boolean)
            CROSS JOIN LATERAL (
                SELECT count(*) AS count, coalesce(sum(amount), 0) AS sum FROM velocity
                WHERE tenant = p_tenant AND key = asked.key
                AND at > p_at - make_interval(secs => asked."window")
                AND (live OR asked.attempts)) AS reading))
    FROM tenant_head WHERE tenant = p_tenant
$$;
