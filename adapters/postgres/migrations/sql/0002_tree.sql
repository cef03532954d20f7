-- The Merkle tree over each tenant's log, kept by the append function; events by tenant and time.

-- What the owner makes from here on is nobody's to call unless it is granted.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Where an action's latest event stands in the log, so that its level can be told without reading it.
ALTER TABLE ledger.action ADD COLUMN last_seq bigint NOT NULL DEFAULT -1;
UPDATE ledger.action SET last_seq = coalesce((
    SELECT max(seq) FROM ledger.event
    WHERE event.tenant = action.tenant AND event.stream = action.action_id), -1);

-- Keys that a summary does not name keep their value: an older writer may not know them yet.
CREATE OR REPLACE FUNCTION ledger.project_action(e ledger.entry, p_version int)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old action;
    new action;
BEGIN
    SELECT * INTO old FROM action WHERE tenant = e.tenant AND action_id = e.stream;
    IF NOT FOUND THEN
        old.rules := '{}'; old.asked := '{}'; old.approvers := '{}';
        old.approvals := 0; old.quorum := 0;
    END IF;
    new := jsonb_populate_record(old, e.summary);
    new.tenant := e.tenant;
    new.version := p_version;
    new.settled_at := coalesce(old.settled_at, CASE WHEN new.disposition IS NOT NULL THEN e.at END);
    new.closed_at := coalesce(old.closed_at, CASE WHEN new.phase = 'CLOSED' THEN e.at END);
    new.updated_at := e.at;
    IF old.action_id IS NULL THEN
        INSERT INTO action SELECT (new).*;
    ELSE
        UPDATE action SET
            version = new.version, digest = new.digest, phase = new.phase, verdict = new.verdict,
            effective = new.effective, stage = new.stage, disposition = new.disposition,
            outcome = new.outcome, tool = new.tool, action_class = new.action_class,
            risk = new.risk, agent = new.agent, agent_owner = new.agent_owner,
            principal = new.principal, session = new.session, environment = new.environment,
            bundle = new.bundle, rules = new.rules, asked = new.asked, approvers = new.approvers,
            approvals = new.approvals, quorum = new.quorum, requested_at = new.requested_at,
            next_deadline = new.next_deadline, held_until = new.held_until,
            settled_at = new.settled_at, closed_at = new.closed_at, updated_at = new.updated_at,
            last_seq = new.last_seq
        WHERE tenant = e.tenant AND action_id = e.stream;
        IF (old.rules, old.asked, old.approvers) = (new.rules, new.asked, new.approvers) THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO action_label (tenant, label, requested_at, action_id)
    SELECT e.tenant, label, new.requested_at, e.stream FROM (
        SELECT 'rule:' || unnest(new.rules) AS label
        UNION SELECT 'asked:' || unnest(new.asked)
        UNION SELECT 'approver:' || unnest(new.approvers)) AS labels
    ON CONFLICT DO NOTHING;
END $$;

-- Bring the read model up to date with an entry whose last event is version p_version at p_seq.
CREATE FUNCTION ledger.project(e ledger.entry, p_version int, p_seq bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE e."table"
        WHEN 'action' THEN
            e.summary := e.summary || jsonb_build_object('last_seq', p_seq);
            PERFORM project_action(e, p_version);
        WHEN 'api_key' THEN PERFORM project_key(e);
        WHEN 'roster' THEN PERFORM project_roster(e, p_version);
        WHEN 'bundle' THEN PERFORM project_bundle(e);
        ELSE NULL;
    END CASE;
END $$;

-- Append one entry at seq p_seq, or say why not. Everything is checked before anything is written.
CREATE OR REPLACE FUNCTION ledger.append_one(
    e ledger.entry, p_canonical bytea[], p_seq bigint,
    OUT err text, OUT seq bigint, OUT current int
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    link bytea;
    links bytea[] := '{}';
BEGIN
    IF p_seq IS NULL OR p_seq = 0 AND (e.stream, e.expected, e.kinds[1])
        IS DISTINCT FROM ('tenant', -1, 'tenant.created')
    THEN
        err := 'unknown_tenant';
        RETURN;
    END IF;
    IF p_canonical = '{}' OR cardinality(p_canonical) IS DISTINCT FROM cardinality(e.kinds) THEN
        err := 'malformed';
        RETURN;
    END IF;
    SELECT version, event.link INTO current, link FROM event
    WHERE tenant = e.tenant AND stream = e.stream ORDER BY version DESC LIMIT 1;
    current := coalesce(current, -1);
    IF current > e.expected THEN
        seq := find_again(e.tenant, e.stream, e.expected, p_canonical);
    END IF;
    IF seq IS NOT NULL THEN
        RETURN;
    END IF;
    IF current <> e.expected OR e.prev IS DISTINCT FROM encode(link, 'hex') THEN
        err := 'stream_moved';
    ELSIF e.guards IS NOT NULL AND facts_moved(e.tenant, e.guards) THEN
        err := 'facts_moved';
    ELSIF e."table" IS NOT NULL THEN
        err := summary_flaw(e);
    END IF;
    IF err IS NOT NULL THEN
        RETURN;
    END IF;
    links := links || link;
    FOR i IN 1 .. cardinality(p_canonical) LOOP
        err := event_flaw(
            p_canonical[i], e.kinds[i], envelope_end(e.tenant, e.stream, current + i, link));
        IF err IS NOT NULL THEN
            RETURN;
        END IF;
        link := sha256('\x00'::bytea || p_canonical[i]);
        links := links || link;
    END LOOP;
    INSERT INTO event (tenant, seq, stream, version, kind, canonical, link, prev, recorded_at)
    SELECT e.tenant, p_seq + i - 1, e.stream, current + i, e.kinds[i], p_canonical[i],
           links[i + 1], links[i], clock_timestamp()
    FROM generate_series(1, cardinality(p_canonical)) AS i;
    INSERT INTO outbox (tenant, seq)
    SELECT e.tenant, i FROM generate_series(p_seq, p_seq + cardinality(p_canonical) - 1) AS i;
    seq := p_seq + cardinality(p_canonical) - 1;
    current := current + cardinality(p_canonical);
    PERFORM project(e, current, seq);
    IF e.contributions IS NOT NULL OR e.release THEN
        PERFORM count_action(e);
    END IF;
    IF e.wake THEN
        PERFORM pg_notify('counterseal', json_build_object(
            'tenant', e.tenant, 'stream', e.stream, 'version', current)::text);
    END IF;
END $$;

