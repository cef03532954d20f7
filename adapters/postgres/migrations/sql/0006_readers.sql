-- A role per tenant that can read that tenant and nothing else.

-- Which tenant a database role may read. Only the owner and administrators write here.
CREATE TABLE ledger.reader (
    role name PRIMARY KEY,
    tenant text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- Tell whose tenant the session may read. Who has logged in cannot be changed by whoever did: a
-- setting could be, and so could the current role.
CREATE FUNCTION ledger.reader_tenant()
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT tenant FROM reader WHERE role = session_user
$$;

-- Partitions have had row security, and no policy, since they were made.
DO $$
DECLARE
    told text;
BEGIN
    FOR told IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', told);
        EXECUTE format('CREATE POLICY ours ON ledger.%I '
                       'TO counterseal_app, counterseal_signer USING (true)', told);
    END LOOP;
    -- What it takes to answer what was attempted, decided, agreed and run, and to prove it. Not
    -- keys, not what is encrypted, not the counters.
    FOREACH told IN ARRAY ARRAY[
        'tenant_head', 'stream_head', 'event', 'tile', 'checkpoint', 'cosigned_checkpoint', 'seal',
        'action', 'action_label', 'vote', 'refusal', 'activation', 'tally', 'bundle', 'roster']
    LOOP
        EXECUTE format('CREATE POLICY theirs ON ledger.%I FOR SELECT TO counterseal_reader '
                       'USING (tenant = (SELECT ledger.reader_tenant()))', told);
        EXECUTE format('GRANT SELECT ON ledger.%I TO counterseal_reader', told);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA ledger TO counterseal_reader;
GRANT EXECUTE ON FUNCTION ledger.reader_tenant() TO counterseal_reader;
GRANT EXECUTE ON FUNCTION ledger.story(text, text[], int) TO counterseal_reader;
GRANT EXECUTE ON FUNCTION ledger.leaves(text, bigint, bigint, timestamptz) TO counterseal_reader;
GRANT EXECUTE ON FUNCTION ledger.tiles(text, int[], bigint[]) TO counterseal_reader;
