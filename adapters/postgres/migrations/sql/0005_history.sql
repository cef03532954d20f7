-- What reviews ask: votes, refusals, policy changes, and how many of what on which day.
--
-- None of it is told by a writer. It is read off the events and rows themselves as they are
-- written, by triggers, so it holds whatever release wrote them, refusals beside a story included.

-- The lists of 0001 by what else reviews ask for. Most actions are of low risk and pay for neither
-- of the first two.
CREATE INDEX action_risk ON ledger.action (tenant, risk, requested_at, action_id)
    WHERE risk <> 'low';
CREATE INDEX action_high_risk ON ledger.action (tenant, requested_at, action_id)
    WHERE risk IN ('high', 'critical');
CREATE INDEX action_environment ON ledger.action (tenant, environment, requested_at, action_id);

-- One row per vote that counted. What the action was is repeated, so that a filter needs no join.
CREATE TABLE ledger.vote (
    tenant text NOT NULL,
    seq bigint NOT NULL,  -- of its event
    at timestamptz NOT NULL,
    action_id text NOT NULL,
    vote_id text NOT NULL,
    person text NOT NULL,
    groups text[] NOT NULL,
    approve boolean NOT NULL,
    reason text NOT NULL,
    digest text NOT NULL,  -- of what the person was shown
    channel text NOT NULL,
    assurance text NOT NULL,
    held_at timestamptz,
    asked_at timestamptz,  -- when the first of the groups that made them eligible was asked
    after_hold double precision GENERATED ALWAYS AS (extract(epoch FROM at - held_at)) STORED,
    after_asked double precision GENERATED ALWAYS AS (extract(epoch FROM at - asked_at)) STORED,
    -- Nobody reads an action in less than three seconds.
    hasty boolean GENERATED ALWAYS AS (
        coalesce(approve AND at - asked_at < interval '3 seconds', false)) STORED,
    requested_at timestamptz NOT NULL,
    tool text NOT NULL,
    action_class text,
    risk text,
    agent text NOT NULL,
    principal text,
    session text,
    environment text,
    verdict text NOT NULL,
    effective text NOT NULL,
    rules text[] NOT NULL,
    PRIMARY KEY (tenant, seq)
);
-- Every list below is ordered by (at DESC, seq DESC); see 0001 for why.
CREATE INDEX vote_all ON ledger.vote (tenant, at, seq);
CREATE INDEX vote_person ON ledger.vote (tenant, person, at, seq);
CREATE INDEX vote_agent ON ledger.vote (tenant, agent, at, seq);
CREATE INDEX vote_class ON ledger.vote (tenant, action_class, at, seq);
CREATE INDEX vote_tool ON ledger.vote (tenant, tool, at, seq);
CREATE INDEX vote_session ON ledger.vote (tenant, session, at, seq) WHERE session IS NOT NULL;
CREATE INDEX vote_action ON ledger.vote (tenant, action_id);
CREATE INDEX vote_against ON ledger.vote (tenant, at, seq) WHERE NOT approve;
CREATE INDEX vote_hasty ON ledger.vote (tenant, at, seq) WHERE hasty;

-- One row per request that was refused: votes, second requests, withdrawals, redemptions, receipts.
CREATE TABLE ledger.refusal (
    tenant text NOT NULL,
    seq bigint NOT NULL,  -- of its event
    at timestamptz NOT NULL,
    action_id text NOT NULL,
    kind text NOT NULL,
    request_id text NOT NULL,
    sender text NOT NULL,
    code text NOT NULL,
    sentence text NOT NULL,
    digest text,  -- what the request spoke of
    channel text,
    late boolean NOT NULL,  -- the action had closed before
    requested_at timestamptz NOT NULL,
    tool text NOT NULL,
    action_class text,
    risk text,
    agent text NOT NULL,
    principal text,
    session text,
    environment text,
    verdict text NOT NULL,
    effective text NOT NULL,
    rules text[] NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX refusal_all ON ledger.refusal (tenant, at, seq);
CREATE INDEX refusal_code ON ledger.refusal (tenant, code, at, seq);
CREATE INDEX refusal_kind ON ledger.refusal (tenant, kind, at, seq);
CREATE INDEX refusal_sender ON ledger.refusal (tenant, sender, at, seq);
CREATE INDEX refusal_agent ON ledger.refusal (tenant, agent, at, seq);
CREATE INDEX refusal_class ON ledger.refusal (tenant, action_class, at, seq);
CREATE INDEX refusal_tool ON ledger.refusal (tenant, tool, at, seq);
CREATE INDEX refusal_session ON ledger.refusal (tenant, session, at, seq)
    WHERE session IS NOT NULL;
CREATE INDEX refusal_action ON ledger.refusal (tenant, action_id);

-- One row per bundle that came into force.
CREATE TABLE ledger.activation (
    tenant text NOT NULL,
    seq bigint NOT NULL,  -- of its event
    at timestamptz NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    replaces text,
    by text NOT NULL,
    because text,
    incident text,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX activation_all ON ledger.activation (tenant, at, seq);

-- How many actions of a day (UTC) are alike. ``alike`` stands for all columns between day and
-- count, because together they may be longer than an index entry can be.
CREATE TABLE ledger.tally (
    tenant text NOT NULL,
    day date NOT NULL,
    alike bytea NOT NULL,
    verdict text NOT NULL,
    effective text NOT NULL,
    disposition text,
    outcome text,
    action_class text,
    risk text,
    agent text NOT NULL,
    tool text NOT NULL,
    environment text,
    rules text[] NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (tenant, day, alike)
) WITH (fillfactor = 70);

GRANT SELECT ON ledger.vote, ledger.refusal, ledger.activation, ledger.tally TO counterseal_app;

-- What an event says. Postgres keeps no NUL in text, but people and agents may have sent one; JSON
-- writes it as \u0000, which are the bytes looked for here.
CREATE FUNCTION ledger.told(p_canonical bytea)
RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN position('\x5c7530303030'::bytea IN p_canonical) = 0
        THEN convert_from(p_canonical, 'UTF8')::jsonb
        ELSE regexp_replace(
            convert_from(p_canonical, 'UTF8'), '(?<!\\)((?:\\\\)*)\\u0000', '\1\\u2400', 'g')::jsonb
    END -> 'event'
$$;

CREATE FUNCTION ledger.note_vote(p_tenant text, p_seq bigint, p_stream text, p_canonical bytea)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := told(p_canonical);
    mine text[] := ARRAY(SELECT jsonb_array_elements_text(said->'groups'));
BEGIN
    INSERT INTO vote (
        tenant, seq, at, action_id, vote_id, person, groups, approve, reason, digest, channel,
        assurance, held_at, asked_at, requested_at, tool, action_class, risk, agent, principal,
        session, environment, verdict, effective, rules)
    SELECT p_tenant, p_seq, (said->>'at')::timestamptz, p_stream, said->>'vote_id',
           said->>'person', mine, (said->>'approve')::boolean, said->>'reason', said->>'digest',
           said->>'channel', said->>'assurance', hold.held_at, hold.asked_at, requested_at, tool,
           action_class, risk, agent, principal, session, environment, verdict, effective, rules
    FROM action
    CROSS JOIN LATERAL (
        SELECT min((asking->>'at')::timestamptz) FILTER (WHERE kind = 'action.held') AS held_at,
               min((asking->>'at')::timestamptz) FILTER (
                   WHERE coalesce(asking->'added', asking->'asked') ?| mine) AS asked_at
        FROM (SELECT kind, told(canonical) AS asking FROM event
              WHERE event.tenant = p_tenant AND stream = p_stream
              AND kind IN ('action.held', 'hold.escalated')) AS recorded) AS hold
    WHERE action.tenant = p_tenant AND action.action_id = p_stream
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION ledger.note_refusal(
    p_tenant text, p_seq bigint, p_stream text, p_kind text, p_canonical bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := told(p_canonical);
BEGIN
    INSERT INTO refusal (
        tenant, seq, at, action_id, kind, request_id, sender, code, sentence, digest, channel,
        late, requested_at, tool, action_class, risk, agent, principal, session, environment,
        verdict, effective, rules)
    SELECT p_tenant, p_seq, (said->>'at')::timestamptz, action_id, p_kind,
           coalesce(said->>'vote_id', said->>'request_id'), coalesce(said->>'person', said->>'by'),
           said->>'code', said->>'sentence', said->>'digest', said->>'channel',
           p_stream <> action_id, requested_at, tool, action_class, risk, agent, principal,
           session, environment, verdict, effective, rules
    FROM action
    WHERE tenant = p_tenant AND action_id = split_part(p_stream, ':', 1)
    ON CONFLICT DO NOTHING;
END $$;

-- A hold that is escalated and settled in one append leaves no other trace of whom it asked last.
CREATE FUNCTION ledger.note_escalation(p_tenant text, p_stream text, p_canonical bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO action_label (tenant, label, requested_at, action_id)
    SELECT p_tenant, 'asked:' || added, requested_at, action_id
    FROM action, jsonb_array_elements_text(told(p_canonical)->'added') AS added
    WHERE tenant = p_tenant AND action_id = p_stream
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION ledger.note_activation(p_tenant text, p_seq bigint, p_canonical bytea)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := told(p_canonical);
BEGIN
    INSERT INTO activation (
        tenant, seq, at, digest, name, version, replaces, by, because, incident)
    VALUES (
        p_tenant, p_seq, (said->>'at')::timestamptz, said->>'digest', said->>'name',
        said->>'version', said->>'replaces', said->>'by', said->>'because', said->>'incident')
    ON CONFLICT DO NOTHING;
END $$;

-- Note what reviews ask of an event; nothing of most kinds.
CREATE FUNCTION ledger.note(
    p_tenant text, p_seq bigint, p_stream text, p_kind text, p_canonical bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE p_kind
        WHEN 'vote.counted' THEN
            PERFORM note_vote(p_tenant, p_seq, p_stream, p_canonical);
        WHEN 'vote.refused', 'request.refused', 'withdrawal.refused', 'grant.refused',
             'receipt.refused' THEN
            PERFORM note_refusal(p_tenant, p_seq, p_stream, p_kind, p_canonical);
        WHEN 'hold.escalated' THEN
            PERFORM note_escalation(p_tenant, p_stream, p_canonical);
        WHEN 'bundle.activated' THEN
            PERFORM note_activation(p_tenant, p_seq, p_canonical);
        ELSE NULL;
    END CASE;
END $$;

CREATE FUNCTION ledger.note_event() RETURNS trigger LANGUAGE plpgsql
SET search_path = ledger, pg_temp AS $$
BEGIN
    PERFORM note(NEW.tenant, NEW.seq, NEW.stream, NEW.kind, NEW.canonical);
    RETURN NULL;
END $$;

CREATE FUNCTION ledger.tally_one(one ledger.action, p_by bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (
        tenant, day, alike, verdict, effective, disposition, outcome, action_class, risk, agent,
        tool, environment, rules, count)
    VALUES (
        one.tenant, (one.requested_at AT TIME ZONE 'UTC')::date,
        sha256(convert_to(jsonb_build_array(
            one.verdict, one.effective, one.disposition, one.outcome, one.action_class, one.risk,
            one.agent, one.tool, one.environment, one.rules)::text, 'UTF8')),
        one.verdict, one.effective, one.disposition, one.outcome, one.action_class, one.risk,
        one.agent, one.tool, one.environment, one.rules, p_by)
    ON CONFLICT (tenant, day, alike) DO UPDATE SET count = tally.count + excluded.count;
END $$;

CREATE FUNCTION ledger.tally_action() RETURNS trigger LANGUAGE plpgsql
SET search_path = ledger, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM tally_one(OLD, -1);
    END IF;
    PERFORM tally_one(NEW, 1);
    RETURN NULL;
END $$;

CREATE TRIGGER event_is_noted AFTER INSERT ON ledger.event FOR EACH ROW
    WHEN (NEW.kind IN (
        'vote.counted', 'vote.refused', 'request.refused', 'withdrawal.refused', 'grant.refused',
        'receipt.refused', 'hold.escalated', 'bundle.activated'))
    EXECUTE FUNCTION ledger.note_event();
CREATE TRIGGER action_is_tallied AFTER INSERT ON ledger.action FOR EACH ROW
    EXECUTE FUNCTION ledger.tally_action();
CREATE TRIGGER action_is_tallied_anew AFTER UPDATE ON ledger.action FOR EACH ROW
    WHEN ((OLD.requested_at, OLD.verdict, OLD.effective, OLD.disposition, OLD.outcome,
           OLD.action_class, OLD.risk, OLD.agent, OLD.tool, OLD.environment, OLD.rules)
        IS DISTINCT FROM
          (NEW.requested_at, NEW.verdict, NEW.effective, NEW.disposition, NEW.outcome,
           NEW.action_class, NEW.risk, NEW.agent, NEW.tool, NEW.environment, NEW.rules))
    EXECUTE FUNCTION ledger.tally_action();

-- What there is already. Making the triggers has locked out writers until the commit.
SELECT count(ledger.note(tenant, seq, stream, kind, canonical)) FROM ledger.event
WHERE kind IN ('vote.counted', 'vote.refused', 'request.refused', 'withdrawal.refused',
               'grant.refused', 'receipt.refused', 'hold.escalated', 'bundle.activated');
SELECT count(ledger.tally_one(action, alike.count)) FROM (
    SELECT tenant, min(action_id) AS action_id, count(*) FROM ledger.action
    GROUP BY tenant, (requested_at AT TIME ZONE 'UTC')::date, verdict, effective, disposition,
             outcome, action_class, risk, agent, tool, environment, rules) AS alike
JOIN ledger.action USING (tenant, action_id);
