-- Events by tenant and time. A month that is over is one table that is no longer written to.

-- What the owner makes from here on is nobody's to call unless it is granted.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Every append begins here, so whatever is being appended ends before anything below changes.
LOCK TABLE ledger.tenant_head IN ACCESS EXCLUSIVE MODE;

-- Where each stream ends. An append looks here and not into the events, so that it costs the same
-- however many partitions they have.
CREATE TABLE ledger.stream_head (
    tenant text NOT NULL,
    stream text NOT NULL,
    version int NOT NULL CHECK (version >= 0),
    link bytea NOT NULL CHECK (octet_length(link) = 32),
    -- The events of the stream were recorded within these, whichever way clocks were set.
    earliest timestamptz NOT NULL,
    latest timestamptz NOT NULL,
    PRIMARY KEY (tenant, stream)
) WITH (fillfactor = 70);
GRANT SELECT ON ledger.stream_head TO counterseal_app;

INSERT INTO ledger.stream_head (tenant, stream, version, link, earliest, latest)
SELECT tenant, stream, max(version), (array_agg(link ORDER BY version DESC))[1],
       min(recorded_at), max(recorded_at)
FROM ledger.event GROUP BY tenant, stream;

ALTER TABLE ledger.event RENAME TO event_unparted;

-- seq and version are unique within a tenant and a stream; a key of a partitioned table cannot say
-- so without its time. The append function does, with the tenant's head locked.
CREATE TABLE ledger.event (
    tenant text NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    stream text NOT NULL,
    version int NOT NULL CHECK (version >= 0),
    kind text NOT NULL,
    canonical bytea NOT NULL CHECK (octet_length(canonical) <= 4194304),
    link bytea NOT NULL CHECK (octet_length(link) = 32),
    prev bytea CHECK (octet_length(prev) = 32),
    recorded_at timestamptz NOT NULL
) PARTITION BY HASH (tenant);

-- Nothing is granted on a partition and row security has no policy there: whoever goes past the
-- table finds nothing. A trigger against TRUNCATE holds only for the table it is on.
CREATE FUNCTION ledger.guard_partition(p_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('CREATE TRIGGER event_stays BEFORE TRUNCATE ON ledger.%I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', p_table);
END $$;

-- Make the partition of one bucket for one month, if there is none. A month of which the rest
-- holds events already stays there. Attaching does not hold up appends, creating inside would.
CREATE FUNCTION ledger.make_partition(p_bucket int, p_month timestamptz)
RETURNS boolean LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    bucket text := 'event_' || p_bucket;
    made text := bucket || to_char(p_month, '_YYYY_MM');
    following timestamptz := p_month + interval '1 month';
    is_taken boolean;
BEGIN
    IF to_regclass('ledger.' || made) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM ledger.%I WHERE recorded_at >= $1 '
                   'AND recorded_at < $2)', bucket || '_rest') INTO is_taken USING p_month, following;
    IF is_taken THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.%I INCLUDING ALL)', made, bucket);
    EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)',
                   bucket, made, p_month, following);
    PERFORM ledger.guard_partition(made);
    RETURN true;
END $$;

-- Make the partitions from this month to that of p_until; answers how many were made. Whoever
-- holds a lock that is needed is waited for only briefly: calling again goes on.
CREATE FUNCTION ledger.prepare_partitions(p_until timestamptz)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
    made int := 0;
BEGIN
    IF p_until > now() + interval '3 years' THEN
        RAISE EXCEPTION 'partitions are prepared for three years at most, not until %', p_until
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOCK TABLE event IN SHARE UPDATE EXCLUSIVE MODE;  -- one at a time; appends go on
    SELECT count(*) INTO made
    FROM generate_series(date_trunc('month', now()), p_until, interval '1 month') AS month,
         generate_series(0, 3) AS bucket
    WHERE ledger.make_partition(bucket, month);
    RETURN made;
END $$;
GRANT EXECUTE ON FUNCTION ledger.prepare_partitions(timestamptz) TO counterseal_app;

DO $$
DECLARE
    since timestamptz := (SELECT least(now(), min(recorded_at)) FROM ledger.event_unparted);
BEGIN
    SET LOCAL timezone = 'UTC';
    FOR bucket IN 0 .. 3 LOOP
        EXECUTE format('CREATE TABLE ledger.event_%s PARTITION OF ledger.event FOR VALUES WITH '
                       '(MODULUS 4, REMAINDER %s) PARTITION BY RANGE (recorded_at)', bucket, bucket);
        EXECUTE format('CREATE TABLE ledger.event_%s_rest PARTITION OF ledger.event_%s DEFAULT',
                       bucket, bucket);
        PERFORM ledger.guard_partition('event_' || bucket);
        PERFORM ledger.guard_partition('event_' || bucket || '_rest');
        PERFORM ledger.make_partition(bucket, month)
        FROM generate_series(date_trunc('month', since), now() + interval '3 months',
                             interval '1 month') AS month;
    END LOOP;
END $$;

INSERT INTO ledger.event SELECT * FROM ledger.event_unparted;
DROP TABLE ledger.event_unparted;

ALTER TABLE ledger.event ADD PRIMARY KEY (tenant, seq, recorded_at);
CREATE INDEX event_story ON ledger.event (tenant, stream, version);
CREATE TRIGGER event_rows_stay BEFORE UPDATE OR DELETE ON ledger.event
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER event_stays BEFORE TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT ON ledger.event TO counterseal_app;

-- Read some streams of a tenant from one snapshot, each after version p_after. The statement is
-- planned for its values, so that only the months are opened in which these streams were written.
CREATE FUNCTION ledger.story(p_tenant text, p_streams text[], p_after int DEFAULT -1)
RETURNS SETOF ledger.event LANGUAGE plpgsql STABLE AS $$
DECLARE
    since timestamptz;
    until timestamptz;
BEGIN
    SELECT min(earliest), max(latest) INTO since, until
    FROM ledger.stream_head WHERE tenant = p_tenant AND stream = ANY (p_streams);
    IF since IS NOT NULL THEN
        RETURN QUERY EXECUTE
            'SELECT * FROM ledger.event WHERE tenant = $1 AND stream = ANY ($2) AND version > $3 '
            'AND recorded_at >= $4 AND recorded_at <= $5 ORDER BY stream, version'
            USING p_tenant, p_streams, p_after, since, until;
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION ledger.story(text, text[], int) TO counterseal_app;

-- Find the seq of the last of these events if all of them are stored already, otherwise null.
CREATE OR REPLACE FUNCTION ledger.find_again(
    p_tenant text, p_stream text, p_after int, p_canonical bytea[]
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT max(stored.seq)
    FROM unnest(p_canonical) WITH ORDINALITY AS given(canonical, nth)
    LEFT JOIN story(p_tenant, ARRAY[p_stream], p_after) stored
        ON stored.version = p_after + given.nth
        AND stored.link = sha256('\x00'::bytea || given.canonical)
    HAVING count(stored.seq) = cardinality(p_canonical)
$$;
