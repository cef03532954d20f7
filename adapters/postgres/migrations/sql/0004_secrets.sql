-- Sensitive arguments, encrypted, and their end.

-- The values that an action's commitments stand for: sealed under a data key of the action's own,
-- which is wrapped by a key that is not here. A row without them says that they were shredded.
CREATE TABLE ledger.secret (
    tenant text NOT NULL,
    action_id text NOT NULL,
    key_encryption_key text,
    wrapped bytea CHECK (octet_length(wrapped) <= 8192),
    sealed bytea CHECK (octet_length(sealed) <= 1048576),
    keep_for interval,
    kept_at timestamptz NOT NULL,
    due timestamptz,  -- no retention ends before this
    shredded_at timestamptz,
    PRIMARY KEY (tenant, action_id),
    CHECK (num_nonnulls(key_encryption_key, wrapped, sealed)
           = CASE WHEN shredded_at IS NULL THEN 3 ELSE 0 END)
);
CREATE INDEX secret_due ON ledger.secret (due) WHERE due IS NOT NULL;
CREATE INDEX secret_kept ON ledger.secret (kept_at) WHERE shredded_at IS NULL;
GRANT SELECT ON ledger.secret TO counterseal_app;

-- Keep what is sealed for an action, and answer what is kept: what came first stays, and what was
-- shredded does not come back.
CREATE FUNCTION ledger.keep_secret(
    p_tenant text, p_action_id text, p_key text, p_wrapped bytea, p_sealed bytea,
    p_keep_for interval
) RETURNS ledger.secret LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    kept secret;
BEGIN
    INSERT INTO secret (
        tenant, action_id, key_encryption_key, wrapped, sealed, keep_for, kept_at, due)
    VALUES (
        p_tenant, p_action_id, p_key, p_wrapped, p_sealed, p_keep_for, clock_timestamp(),
        clock_timestamp() + p_keep_for)
    ON CONFLICT DO NOTHING;
    SELECT * INTO kept FROM secret WHERE tenant = p_tenant AND action_id = p_action_id;
    RETURN kept;
END $$;
GRANT EXECUTE ON FUNCTION ledger.keep_secret(text, text, text, bytea, bytea, interval)
    TO counterseal_app;

-- Forget what was kept for proposals that never became actions, and answer how much that was.
-- Nothing younger than a day is: a proposal may still be on its way.
CREATE FUNCTION ledger.forget_secrets(p_after timestamptz, p_before timestamptz, p_limit int)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    forgotten int;
BEGIN
    DELETE FROM secret WHERE (tenant, action_id) IN (
        SELECT tenant, action_id FROM secret AS kept
        WHERE shredded_at IS NULL AND kept_at >= p_after
            AND kept_at < least(p_before, clock_timestamp() - interval '1 day')
            AND NOT EXISTS (
                SELECT FROM action
                WHERE action.tenant = kept.tenant AND action.action_id = kept.action_id)
        ORDER BY kept_at LIMIT p_limit);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;
GRANT EXECUTE ON FUNCTION ledger.forget_secrets(timestamptz, timestamptz, int) TO counterseal_app;

-- Destroy what is kept for an action, in the transaction that records it.
CREATE FUNCTION ledger.shred_secret(e ledger.entry) RETURNS void LANGUAGE sql AS $$
    INSERT INTO secret AS kept (tenant, action_id, kept_at, shredded_at)
    VALUES (e.tenant, e.summary->>'action_id', e.at, e.at)
    ON CONFLICT (tenant, action_id) DO UPDATE SET
        key_encryption_key = NULL, wrapped = NULL, sealed = NULL, keep_for = NULL, due = NULL,
        shredded_at = coalesce(kept.shredded_at, excluded.shredded_at)
$$;

-- Say what is wrong with what an entry wants to put into the read model, or null.
CREATE OR REPLACE FUNCTION ledger.summary_flaw(e ledger.entry)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE e."table"
        WHEN 'action' THEN
            IF e.summary->>'action_id' IS DISTINCT FROM e.stream THEN RETURN 'malformed'; END IF;
        WHEN 'api_key' THEN
            IF EXISTS (SELECT FROM api_key
                       WHERE key_id = e.summary->>'key_id' AND tenant <> e.tenant)
            THEN RETURN 'malformed'; END IF;
        WHEN 'roster', 'bundle' THEN
            IF e.summary IS NULL THEN RETURN 'malformed'; END IF;
        WHEN 'secret' THEN
            IF (e.summary->>'action_id') || ':data' IS DISTINCT FROM e.stream
                OR NOT 'data.shredded' = ANY (e.kinds)
                OR NOT EXISTS (SELECT FROM action
                               WHERE tenant = e.tenant AND action_id = e.summary->>'action_id'
                                   AND phase = 'CLOSED')
            THEN RETURN 'malformed'; END IF;
        ELSE
            RETURN 'malformed';
    END CASE;
    RETURN NULL;
END $$;

-- Bring the read model up to date with an entry whose last event is version p_version at p_seq.
CREATE OR REPLACE FUNCTION ledger.project(e ledger.entry, p_version int, p_seq bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE e."table"
        WHEN 'action' THEN
            e.summary := e.summary || jsonb_build_object('last_seq', p_seq);
            PERFORM project_action(e, p_version);
        WHEN 'api_key' THEN PERFORM project_key(e);
        WHEN 'roster' THEN PERFORM project_roster(e, p_version);
        WHEN 'bundle' THEN PERFORM project_bundle(e);
        WHEN 'secret' THEN PERFORM shred_secret(e);
        ELSE NULL;
    END CASE;
END $$;
