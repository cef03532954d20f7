-- The one way in. Each helper below runs with the tenant's head locked, so that everything it
-- reads of that tenant stays as it is until the commit.

CREATE TYPE ledger.entry AS (
    tenant text,
    stream text,
    expected int,
    kinds text[],
    prev text,
    at timestamptz,
    "table" text,
    summary jsonb,
    contributions jsonb,
    guards jsonb,
    release boolean,
    wake boolean
);

-- The end that the envelope of an event must have. RFC 8785 sorts keys, so everything that says
-- where an event stands comes after the event itself and can be compared byte by byte.
CREATE FUNCTION ledger.envelope_end(p_tenant text, p_stream text, p_version int, p_prev bytea)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT convert_to(
        '},"prev":' || coalesce('"' || encode(p_prev, 'hex') || '"', 'null')
        || ',"stream":' || to_json(p_stream)::text || ',"tenant":' || to_json(p_tenant)::text
        || ',"v":1,"version":' || p_version || '}', 'UTF8')
$$;

-- Say what is wrong with a new event as such, or null.
CREATE FUNCTION ledger.event_flaw(p_canonical bytea, p_kind text, p_end bytea)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN octet_length(p_canonical) > 4194304 THEN 'too_large'
        WHEN substr(p_canonical, octet_length(p_canonical) - octet_length(p_end) + 1) <> p_end
          OR position(convert_to('"kind":' || to_json(p_kind)::text, 'UTF8') IN p_canonical) = 0
        THEN 'malformed'
    END
$$;

-- Find the seq of the last of these events if all of them are stored already, otherwise null.
CREATE FUNCTION ledger.find_again(
    p_tenant text, p_stream text, p_after int, p_canonical bytea[]
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT max(stored.seq)
    FROM unnest(p_canonical) WITH ORDINALITY AS given(canonical, nth)
    LEFT JOIN event stored
        ON stored.tenant = p_tenant AND stored.stream = p_stream
        AND stored.version = p_after + given.nth
        AND stored.link = sha256('\x00'::bytea || given.canonical)
    HAVING count(stored.seq) = cardinality(p_canonical)
$$;

-- Say what is wrong with what an entry wants to put into the read model, or null.
CREATE FUNCTION ledger.summary_flaw(e ledger.entry) RETURNS text LANGUAGE plpgsql STABLE AS $$
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
        ELSE
            RETURN 'malformed';
    END CASE;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger.facts_moved(p_tenant text, p_guards jsonb)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_each_text(p_guards) AS guard(key, version)
        LEFT JOIN velocity_key stored ON stored.tenant = p_tenant AND stored.key = guard.key
        WHERE coalesce(stored.version, 0) <> guard.version::bigint)
$$;

-- Keys that a summary does not name keep their value: an older writer may not know them yet.
CREATE FUNCTION ledger.project_action(e ledger.entry, p_version int)
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
            settled_at = new.settled_at, closed_at = new.closed_at, updated_at = new.updated_at
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

CREATE FUNCTION ledger.project_key(e ledger.entry) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    row api_key;
BEGIN
    SELECT * INTO row FROM api_key WHERE key_id = e.summary->>'key_id';
    IF NOT FOUND THEN
        row.issued_at := e.at;
    END IF;
    row := jsonb_populate_record(row, e.summary);
    row.tenant := e.tenant;
    INSERT INTO api_key SELECT (row).*
    ON CONFLICT (key_id) DO UPDATE SET
        role = row.role, subject = row.subject, environment = row.environment,
        secret_hash = row.secret_hash, issued_at = row.issued_at, revoked_at = row.revoked_at;
END $$;

CREATE FUNCTION ledger.project_roster(e ledger.entry, p_version int)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO roster (tenant, version, body) VALUES (e.tenant, p_version, e.summary->'body')
    ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, body = excluded.body
$$;

CREATE FUNCTION ledger.project_bundle(e ledger.entry) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    row bundle;
BEGIN
    row := jsonb_populate_record(row, e.summary);
    row.tenant := e.tenant;
    row.active := true;
    row.activated_at := e.at;
    UPDATE bundle SET active = false WHERE tenant = e.tenant AND active;
    INSERT INTO bundle SELECT (row).*
    ON CONFLICT (tenant, digest) DO UPDATE SET active = true, activated_at = row.activated_at;
END $$;

-- Put an action into the counters, or take it out of them; either way their versions move.
CREATE FUNCTION ledger.count_action(e ledger.entry) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF e.contributions IS NOT NULL THEN
        INSERT INTO velocity (tenant, key, action_id, at, amount, live)
        SELECT e.tenant, c.key, e.stream, e.at, sum(c.amount), bool_or(c.live)
        FROM jsonb_to_recordset(e.contributions)
            AS c(key text, amount double precision, live boolean)
        GROUP BY c.key
        ON CONFLICT (tenant, action_id, key)
        DO UPDATE SET amount = excluded.amount, live = excluded.live;
        INSERT INTO velocity_key AS stored (tenant, key, version)
        SELECT DISTINCT e.tenant, c.key, 1
        FROM jsonb_to_recordset(e.contributions) AS c(key text)
        ON CONFLICT (tenant, key) DO UPDATE SET version = stored.version + 1;
    END IF;
    IF e.release THEN
        WITH released AS (
            UPDATE velocity SET live = false
            WHERE tenant = e.tenant AND action_id = e.stream AND live RETURNING key)
        UPDATE velocity_key SET version = version + 1
        WHERE tenant = e.tenant AND key IN (SELECT key FROM released);
    END IF;
END $$;

-- Append one entry at seq p_seq, or say why not. Everything is checked before anything is written.
CREATE FUNCTION ledger.append_one(
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
    CASE e."table"
        WHEN 'action' THEN PERFORM project_action(e, current);
        WHEN 'api_key' THEN PERFORM project_key(e);
        WHEN 'roster' THEN PERFORM project_roster(e, current);
        WHEN 'bundle' THEN PERFORM project_bundle(e);
        ELSE NULL;
    END CASE;
    IF e.contributions IS NOT NULL OR e.release THEN
        PERFORM count_action(e);
    END IF;
    IF e.wake THEN
        PERFORM pg_notify('counterseal', json_build_object(
            'tenant', e.tenant, 'stream', e.stream, 'version', current)::text);
    END IF;
END $$;

-- Append a batch. p_canonical holds the events of all entries, one entry after the other. Answers
-- one row per entry: err is null, 'unknown_tenant', 'stream_moved', 'facts_moved', 'too_large' or
-- 'malformed'; seq is that of its last event; current the version of its stream.
CREATE FUNCTION ledger.append(p_entries jsonb, p_canonical bytea[])
RETURNS TABLE (entry int, err text, seq bigint, current int)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp
-- Every lookup below is by a key. Planning each anew costs more than running it, and a plan made
-- while a table was small must not stay a scan when it is large.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    tenants text[];
    heads bigint[];
    e ledger.entry;
    place int;
    used int := 0;
BEGIN
    IF p_entries @? '$[*].kinds[0] ? (@ == "tenant.created")' THEN
        INSERT INTO tenant_head (tenant, created_at)
        SELECT DISTINCT given.tenant, clock_timestamp()
        FROM jsonb_populate_recordset(NULL::ledger.entry, p_entries) AS given
        WHERE (given.stream, given.expected, given.kinds[1]) = ('tenant', -1, 'tenant.created')
        ORDER BY 1
        ON CONFLICT DO NOTHING;
    END IF;
    -- Always in the same order, so that two batches cannot wait for each other.
    SELECT array_agg(held.tenant), array_agg(held.next_seq) INTO tenants, heads FROM (
        SELECT tenant, next_seq FROM tenant_head
        WHERE tenant IN (SELECT value->>'tenant' FROM jsonb_array_elements(p_entries))
        ORDER BY tenant FOR UPDATE) AS held;
    entry := 0;
    FOR e IN SELECT * FROM jsonb_populate_recordset(NULL::ledger.entry, p_entries) LOOP
        place := array_position(tenants, e.tenant);
        SELECT one.err, one.seq, one.current INTO err, seq, current
        FROM append_one(e, p_canonical[used + 1 : used + cardinality(e.kinds)], heads[place]) one;
        IF err IS NULL AND seq >= heads[place] THEN
            heads[place] := seq + 1;
        END IF;
        used := used + cardinality(e.kinds);
        RETURN NEXT;
        entry := entry + 1;
    END LOOP;
    UPDATE tenant_head SET next_seq = now.next_seq
    FROM unnest(tenants, heads) AS now(tenant, next_seq)
    WHERE tenant_head.tenant = now.tenant AND tenant_head.next_seq <> now.next_seq;
    IF 0 = ANY (heads) THEN
        DELETE FROM tenant_head WHERE tenant = ANY (tenants) AND next_seq = 0;
    END IF;
END $$;
