-- The tables of the ledger. Everything here is written by ledger.append and by nothing else.
-- Runs as counterseal_owner, so that it owns what it makes. PostgreSQL 15 or newer.

CREATE TABLE ledger.tenant_head (
    tenant text PRIMARY KEY,
    next_seq bigint NOT NULL DEFAULT 0 CHECK (next_seq >= 0),
    created_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE ledger.event (
    tenant text NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    stream text NOT NULL,
    version int NOT NULL CHECK (version >= 0),
    kind text NOT NULL,
    canonical bytea NOT NULL CHECK (octet_length(canonical) <= 4194304),
    link bytea NOT NULL CHECK (octet_length(link) = 32),
    prev bytea CHECK (octet_length(prev) = 32),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, seq),
    UNIQUE (tenant, stream, version)
);
CREATE INDEX event_kind ON ledger.event (tenant, kind, seq);

CREATE TABLE ledger.outbox (
    tenant text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tenant, seq)
);

-- The read model of actions: the keys of domain.standing.summary, and three instants.
CREATE TABLE ledger.action (
    tenant text NOT NULL,
    action_id text NOT NULL,
    version int NOT NULL,
    digest text NOT NULL,
    phase text NOT NULL,
    verdict text NOT NULL,
    effective text NOT NULL,
    stage text,
    disposition text,
    outcome text,
    tool text NOT NULL,
    action_class text,
    risk text,
    agent text NOT NULL,
    agent_owner text,
    principal text,
    session text,
    environment text,
    bundle text,
    rules text[] NOT NULL DEFAULT '{}',
    asked text[] NOT NULL DEFAULT '{}',
    approvers text[] NOT NULL DEFAULT '{}',
    approvals int NOT NULL DEFAULT 0,
    quorum int NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL,
    next_deadline timestamptz,
    held_until timestamptz,
    settled_at timestamptz,
    closed_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, action_id)
) WITH (fillfactor = 80);
-- Lists are ordered by (requested_at DESC, action_id DESC): every index below ends with it, so that
-- a page costs the same however long the history is.
CREATE INDEX action_all ON ledger.action (tenant, requested_at, action_id);
CREATE INDEX action_phase ON ledger.action (tenant, phase, requested_at, action_id);
CREATE INDEX action_disposition ON ledger.action (tenant, disposition, requested_at, action_id);
CREATE INDEX action_outcome ON ledger.action (tenant, outcome, requested_at, action_id);
CREATE INDEX action_class ON ledger.action (tenant, action_class, requested_at, action_id);
CREATE INDEX action_agent ON ledger.action (tenant, agent, requested_at, action_id);
CREATE INDEX action_tool ON ledger.action (tenant, tool, requested_at, action_id);
CREATE INDEX action_principal ON ledger.action (tenant, principal, requested_at, action_id)
    WHERE principal IS NOT NULL;
CREATE INDEX action_session ON ledger.action (tenant, session, requested_at, action_id)
    WHERE session IS NOT NULL;
-- What policy would have stopped, to see what a rule does before it is enforced.
CREATE INDEX action_verdict ON ledger.action (tenant, verdict, requested_at, action_id)
    WHERE verdict <> 'ALLOW';
CREATE INDEX action_effective ON ledger.action (tenant, effective, requested_at, action_id)
    WHERE effective <> 'ALLOW';
CREATE INDEX action_overdue ON ledger.action (next_deadline) WHERE next_deadline IS NOT NULL;

-- One row per rule, approver and asked group of an action. A GIN index over the arrays cannot
-- return rows in the order of a list; this can.
CREATE TABLE ledger.action_label (
    tenant text NOT NULL,
    label text NOT NULL,  -- 'rule:<id>', 'approver:<person>' or 'asked:<group>'
    requested_at timestamptz NOT NULL,
    action_id text NOT NULL,
    PRIMARY KEY (tenant, label, requested_at, action_id)
);

CREATE TABLE ledger.api_key (
    key_id text PRIMARY KEY,
    tenant text NOT NULL,
    role text NOT NULL,
    subject text NOT NULL,
    environment text NOT NULL,
    secret_hash text NOT NULL,
    issued_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX api_key_tenant ON ledger.api_key (tenant, issued_at, key_id);

CREATE TABLE ledger.roster (
    tenant text PRIMARY KEY,
    version int NOT NULL,
    body jsonb NOT NULL
);

CREATE TABLE ledger.bundle (
    tenant text NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    body text NOT NULL,  -- the canonical JSON, byte for byte
    activated_at timestamptz NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE UNIQUE INDEX bundle_active ON ledger.bundle (tenant) WHERE active;

CREATE TABLE ledger.velocity (
    tenant text NOT NULL,
    key text NOT NULL,
    action_id text NOT NULL,
    at timestamptz NOT NULL,
    amount double precision NOT NULL,
    live boolean NOT NULL,
    PRIMARY KEY (tenant, action_id, key)
);
CREATE INDEX velocity_window ON ledger.velocity (tenant, key, at) INCLUDE (amount, live);

CREATE TABLE ledger.velocity_key (
    tenant text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, key)
) WITH (fillfactor = 50);

-- Speed bumps: a superuser can still go around them. The tree and its witnesses are the control.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on ledger.% is refused: what is recorded stays', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER event_rows_stay BEFORE UPDATE OR DELETE ON ledger.event
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER event_stays BEFORE TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER outbox_rows_stay BEFORE UPDATE OR DELETE ON ledger.outbox
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER outbox_stays BEFORE TRUNCATE ON ledger.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
