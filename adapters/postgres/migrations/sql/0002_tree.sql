-- The Merkle tree over each tenant's log, kept by the append function: RFC 6962 hashes, C2SP tiles.

-- frontier holds the roots of the perfect subtrees, largest first, 32 bytes each; the size of the
-- tree is next_seq. No event of the tile that is not full yet was recorded before edge_at.
ALTER TABLE ledger.tenant_head
    ADD COLUMN frontier bytea NOT NULL DEFAULT '',
    ADD COLUMN root bytea NOT NULL DEFAULT sha256(''),
    ADD COLUMN edge_at timestamptz NOT NULL DEFAULT '-infinity';

-- A row of level 0 is written once it is full, and read from the events until then. Rows of the
-- levels above grow by a hash whenever a subtree of 256, 65536, … leaves is complete.
CREATE TABLE ledger.tile (
    tenant text NOT NULL,
    level smallint NOT NULL CHECK (level >= 0),
    idx bigint NOT NULL CHECK (idx >= 0),
    hashes bytea STORAGE EXTERNAL NOT NULL
        CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) <= 8192),
    PRIMARY KEY (tenant, level, idx)
);
GRANT SELECT ON ledger.tile TO counterseal_app;

CREATE FUNCTION ledger.refuse_other_hashes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (new.tenant, new.level, new.idx) IS DISTINCT FROM (old.tenant, old.level, old.idx)
        OR substr(new.hashes, 1, octet_length(old.hashes)) <> old.hashes
    THEN
        RAISE EXCEPTION 'UPDATE on ledger.tile is refused: what is recorded stays'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER tile_rows_grow BEFORE UPDATE ON ledger.tile
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_other_hashes();
CREATE TRIGGER tile_rows_stay BEFORE DELETE ON ledger.tile
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER tile_stays BEFORE TRUNCATE ON ledger.tile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Join the leaf hashes from p_first up to, not including, p_end: all recorded at p_since or later.
CREATE FUNCTION ledger.leaves(
    p_tenant text, p_first bigint, p_end bigint, p_since timestamptz
) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    joined bytea;
BEGIN
    EXECUTE 'SELECT string_agg(link, '''' ORDER BY seq) FROM ledger.event '
            'WHERE tenant = $1 AND seq >= $2 AND seq < $3 AND recorded_at >= $4'
        INTO joined USING p_tenant, p_first, p_end, p_since;
    RETURN joined;
END $$;

-- Keep the root of a full tile where its hash belongs: in a tile of the level above.
CREATE FUNCTION ledger.keep_node(
    p_tenant text, p_level int, p_index bigint, p_node bytea, p_since timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_level = 8 THEN
        INSERT INTO tile (tenant, level, idx, hashes) VALUES
            (p_tenant, 0, p_index, leaves(p_tenant, p_index << 8, (p_index + 1) << 8, p_since));
    END IF;
    INSERT INTO tile AS stored (tenant, level, idx, hashes)
    VALUES (p_tenant, p_level / 8, p_index >> 8, p_node)
    ON CONFLICT (tenant, level, idx) DO UPDATE SET hashes = stored.hashes || excluded.hashes;
END $$;

-- Add leaf hashes, joined, to a tree of p_size leaves, and answer its new frontier. The events are
-- there already.
CREATE FUNCTION ledger.grow(
    p_tenant text, p_size bigint, p_frontier bytea, p_leaves bytea, p_since timestamptz
) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    frontier bytea := p_frontier;
    node bytea;
    index bigint;
    level int;
    kept int;
BEGIN
    FOR nth IN 0 .. octet_length(p_leaves) / 32 - 1 LOOP
        node := substr(p_leaves, nth * 32 + 1, 32);
        index := p_size + nth;
        level := 0;
        WHILE index & 1 = 1 LOOP
            kept := octet_length(frontier) - 32;
            node := sha256('\x01'::bytea || substr(frontier, kept + 1) || node);
            frontier := substr(frontier, 1, kept);
            index := index >> 1;
            level := level + 1;
            IF level & 7 = 0 THEN
                PERFORM keep_node(p_tenant, level, index, node, p_since);
            END IF;
        END LOOP;
        frontier := frontier || node;
    END LOOP;
    RETURN frontier;
END $$;

-- Hash a frontier into the root of its tree.
CREATE FUNCTION ledger.root_of(p_frontier bytea)
RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    place int := octet_length(p_frontier) - 31;
    root bytea := substr(p_frontier, place);
BEGIN
    IF p_frontier = '' THEN
        RETURN sha256('');
    END IF;
    WHILE place > 1 LOOP
        place := place - 32;
        root := sha256('\x01'::bytea || substr(p_frontier, place, 32) || root);
    END LOOP;
    RETURN root;
END $$;

-- Read tiles from one snapshot, as wide as they are by now.
CREATE FUNCTION ledger.tiles(p_tenant text, p_levels int[], p_indices bigint[])
RETURNS TABLE (level int, idx bigint, hashes bytea) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    head record;
BEGIN
    RETURN QUERY
        SELECT stored.level::int, stored.idx, stored.hashes
        FROM unnest(p_levels, p_indices) AS wanted(level, idx)
        JOIN ledger.tile stored
            ON stored.tenant = p_tenant AND stored.level = wanted.level AND stored.idx = wanted.idx;
    SELECT next_seq AS size, next_seq >> 8 AS edge, edge_at INTO head
    FROM ledger.tenant_head WHERE tenant = p_tenant;
    IF EXISTS (SELECT FROM unnest(p_levels, p_indices) AS wanted(level, idx)
               WHERE wanted.level = 0 AND wanted.idx = head.edge)
    THEN
        RETURN QUERY SELECT 0, head.edge,
            coalesce(ledger.leaves(p_tenant, head.edge << 8, head.size, head.edge_at), '');
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION ledger.leaves(text, bigint, bigint, timestamptz) TO counterseal_app;
GRANT EXECUTE ON FUNCTION ledger.tiles(text, int[], bigint[]) TO counterseal_app;

-- Where an action's latest event stands in the log, so that its level can be told without reading it.
ALTER TABLE ledger.action ADD COLUMN last_seq bigint NOT NULL DEFAULT -1;
UPDATE ledger.action SET last_seq = last.seq FROM (
    SELECT tenant, stream, max(seq) AS seq FROM ledger.event GROUP BY tenant, stream) AS last
WHERE last.tenant = action.tenant AND last.stream = action.action_id;

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

-- A call of the append function before this one may be waiting for the lock that we hold. It must
-- not go on as it began, without a tree; what it is told makes its caller send it again.
CREATE OR REPLACE FUNCTION ledger.append_one(
    e ledger.entry, p_canonical bytea[], p_seq bigint,
    OUT err text, OUT seq bigint, OUT current int
) LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the schema has just been upgraded; send this again'
        USING ERRCODE = 'serialization_failure';
END $$;

-- Append one entry at seq p_seq, or say why not. Everything is checked before anything is written.
CREATE FUNCTION ledger.append_one(
    e ledger.entry, p_canonical bytea[], p_seq bigint, p_now timestamptz,
    OUT err text, OUT seq bigint, OUT current int, OUT leaves bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    added int := cardinality(p_canonical);
    link bytea;
    links bytea[];
BEGIN
    IF p_seq IS NULL OR p_seq = 0 AND (e.stream, e.expected, e.kinds[1])
        IS DISTINCT FROM ('tenant', -1, 'tenant.created')
    THEN
        err := 'unknown_tenant';
        RETURN;
    END IF;
    IF added = 0 OR added IS DISTINCT FROM cardinality(e.kinds) THEN
        err := 'malformed';
        RETURN;
    END IF;
    SELECT version, stream_head.link INTO current, link
    FROM stream_head WHERE tenant = e.tenant AND stream = e.stream;
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
    links := ARRAY[link];
    leaves := '';
    FOR i IN 1 .. added LOOP
        err := event_flaw(
            p_canonical[i], e.kinds[i], envelope_end(e.tenant, e.stream, current + i, link));
        IF err IS NOT NULL THEN
            RETURN;
        END IF;
        link := sha256('\x00'::bytea || p_canonical[i]);
        links := links || link;
        leaves := leaves || link;
    END LOOP;
    INSERT INTO stream_head AS stored (tenant, stream, version, link, earliest, latest)
    VALUES (e.tenant, e.stream, current + added, link, p_now, p_now)
    ON CONFLICT (tenant, stream) DO UPDATE SET
        version = excluded.version, link = excluded.link,
        earliest = least(stored.earliest, p_now), latest = greatest(stored.latest, p_now);
    INSERT INTO event (tenant, seq, stream, version, kind, canonical, link, prev, recorded_at)
    SELECT e.tenant, p_seq + i - 1, e.stream, current + i, e.kinds[i], p_canonical[i],
           links[i + 1], links[i], p_now
    FROM generate_series(1, added) AS i;
    INSERT INTO outbox (tenant, seq)
    SELECT e.tenant, i FROM generate_series(p_seq, p_seq + added - 1) AS i;
    seq := p_seq + added - 1;
    current := current + added;
    PERFORM project(e, current, seq);
    IF e.contributions IS NOT NULL OR e.release THEN
        PERFORM count_action(e);
    END IF;
    IF e.wake THEN
        -- Whoever can connect can listen, so nothing is said but to those who know what they wait
        -- for. The empty tenant is for the release before, which then looks for itself.
        PERFORM pg_notify('counterseal', json_build_object('tenant', '', 'stream', encode(
            sha256(convert_to(e.tenant, 'UTF8') || '\x00'::bytea || convert_to(e.stream, 'UTF8')),
            'hex'))::text);
    END IF;
END $$;

-- Record that a tenant's log goes on with these leaves, whose events are written.
CREATE FUNCTION ledger.move_head(p_tenant text, p_leaves bytea, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    head tenant_head;
    size bigint;
BEGIN
    SELECT * INTO head FROM tenant_head WHERE tenant = p_tenant;
    size := head.next_seq + octet_length(p_leaves) / 32;
    head.edge_at := least(head.edge_at, p_now);
    head.frontier := grow(p_tenant, head.next_seq, head.frontier, p_leaves, head.edge_at);
    IF size >> 8 > head.next_seq >> 8 THEN
        head.edge_at := p_now;
    END IF;
    UPDATE tenant_head SET next_seq = size, frontier = head.frontier,
        root = root_of(head.frontier), edge_at = head.edge_at
    WHERE tenant = p_tenant;
END $$;

-- Append a batch. p_canonical holds the events of all entries, one entry after the other. Answers
-- one row per entry: err is null, 'unknown_tenant', 'stream_moved', 'facts_moved', 'too_large' or
-- 'malformed'; seq is that of its last event; current the version of its stream.
CREATE OR REPLACE FUNCTION ledger.append(p_entries jsonb, p_canonical bytea[])
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
    grown bytea[];  -- the new leaves of each tenant, joined
    leaves bytea;
    e ledger.entry;
    place int;
    used int := 0;
    at timestamptz;
BEGIN
    IF p_entries @? '$[*].kinds[0] ? (@ == "tenant.created")' THEN
        INSERT INTO tenant_head (tenant, created_at, edge_at)
        SELECT DISTINCT given.tenant, clock_timestamp(), 'infinity'::timestamptz
        FROM jsonb_populate_recordset(NULL::ledger.entry, p_entries) AS given
        WHERE (given.stream, given.expected, given.kinds[1]) = ('tenant', -1, 'tenant.created')
        ORDER BY 1
        ON CONFLICT DO NOTHING;
    END IF;
    -- Always in the same order, so that two batches cannot wait for each other.
    SELECT array_agg(held.tenant), array_agg(held.next_seq), array_agg(''::bytea)
    INTO tenants, heads, grown FROM (
        SELECT tenant, next_seq FROM tenant_head
        WHERE tenant IN (SELECT value->>'tenant' FROM jsonb_array_elements(p_entries))
        ORDER BY tenant FOR UPDATE) AS held;
    at := clock_timestamp();
    entry := 0;
    FOR e IN SELECT * FROM jsonb_populate_recordset(NULL::ledger.entry, p_entries) LOOP
        place := array_position(tenants, e.tenant);
        SELECT one.err, one.seq, one.current, one.leaves INTO err, seq, current, leaves
        FROM append_one(
            e, p_canonical[used + 1 : used + cardinality(e.kinds)], heads[place], at) AS one;
        IF err IS NULL AND seq >= heads[place] THEN
            heads[place] := seq + 1;
            grown[place] := grown[place] || leaves;
        END IF;
        used := used + cardinality(e.kinds);
        RETURN NEXT;
        entry := entry + 1;
    END LOOP;
    FOR i IN 1 .. coalesce(cardinality(tenants), 0) LOOP
        IF grown[i] <> '' THEN
            PERFORM move_head(tenants[i], grown[i], at);
        ELSIF heads[i] = 0 THEN
            DELETE FROM tenant_head WHERE tenant = tenants[i];
        END IF;
    END LOOP;
END $$;

-- The trees of what was recorded before there were trees.
DO $$
DECLARE
    head ledger.tenant_head;
    added bytea;
BEGIN
    FOR head IN SELECT * FROM ledger.tenant_head LOOP
        FOR place IN 0 .. head.next_seq - 1 BY 256 LOOP
            added := ledger.leaves(head.tenant, place, place + 256, '-infinity');
            IF octet_length(added) IS DISTINCT FROM 32 * least(256, head.next_seq - place) THEN
                RAISE EXCEPTION 'events are missing from the log of % after seq %',
                    head.tenant, place;
            END IF;
            head.frontier := ledger.grow(head.tenant, place, head.frontier, added, '-infinity');
        END LOOP;
        UPDATE ledger.tenant_head
        SET frontier = head.frontier, root = ledger.root_of(head.frontier)
        WHERE tenant = head.tenant;
    END LOOP;
END $$;
