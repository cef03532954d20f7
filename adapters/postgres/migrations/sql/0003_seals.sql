-- Signed checkpoints, and the role that may publish them.

-- What a log's signer has said of it. The note is a C2SP tlog-checkpoint with the log's signatures.
CREATE TABLE ledger.checkpoint (
    tenant text NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL CHECK (octet_length(note) <= 65536),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, size)
);

-- The same checkpoints once enough witnesses have cosigned them, with their cosignatures.
CREATE TABLE ledger.cosigned_checkpoint (
    tenant text NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL CHECK (octet_length(note) <= 65536),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, size),
    FOREIGN KEY (tenant, size) REFERENCES ledger.checkpoint
);

-- How many events of a tenant are sealed, and how many witnessed: the two never shrink.
CREATE TABLE ledger.seal (
    tenant text PRIMARY KEY,
    sealed bigint NOT NULL DEFAULT 0,
    witnessed bigint NOT NULL DEFAULT 0 CHECK (witnessed BETWEEN 0 AND sealed),
    sealed_at timestamptz,
    witnessed_at timestamptz
) WITH (fillfactor = 50);

CREATE TRIGGER checkpoint_rows_stay BEFORE UPDATE OR DELETE ON ledger.checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER checkpoint_stays BEFORE TRUNCATE ON ledger.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER cosigned_checkpoint_rows_stay BEFORE UPDATE OR DELETE ON ledger.cosigned_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER cosigned_checkpoint_stays BEFORE TRUNCATE ON ledger.cosigned_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Publish a checkpoint, or the same one with enough cosignatures. Answers null, or why it is
-- refused: 'ahead' of the log, 'behind' what was published, or with an 'other_root'.
CREATE FUNCTION ledger.publish_checkpoint(
    p_tenant text, p_size bigint, p_root bytea, p_note text, p_witnessed boolean
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp
AS $$
DECLARE
    head tenant_head;
    published bytea;
    before bigint;
BEGIN
    SELECT * INTO head FROM tenant_head WHERE tenant = p_tenant;
    IF head.tenant IS NULL OR head.next_seq < p_size THEN
        RETURN 'ahead';
    END IF;
    INSERT INTO seal (tenant) VALUES (p_tenant) ON CONFLICT DO NOTHING;
    SELECT sealed INTO before FROM seal WHERE tenant = p_tenant FOR UPDATE;
    SELECT root INTO published FROM checkpoint WHERE tenant = p_tenant AND size = p_size;
    IF coalesce(published, p_root) <> p_root OR head.next_seq = p_size AND head.root <> p_root THEN
        RETURN 'other_root';
    END IF;
    IF published IS NULL THEN
        IF p_size < before THEN
            RETURN 'behind';
        END IF;
        INSERT INTO checkpoint (tenant, size, root, note, created_at)
        VALUES (p_tenant, p_size, p_root, p_note, clock_timestamp());
        UPDATE seal SET sealed = p_size, sealed_at = clock_timestamp() WHERE tenant = p_tenant;
    END IF;
    IF p_witnessed THEN
        INSERT INTO cosigned_checkpoint (tenant, size, note, created_at)
        VALUES (p_tenant, p_size, p_note, clock_timestamp())
        ON CONFLICT DO NOTHING;
        UPDATE seal SET witnessed = p_size, witnessed_at = clock_timestamp()
        WHERE tenant = p_tenant AND witnessed < p_size;
    END IF;
    RETURN NULL;
END $$;

GRANT USAGE ON SCHEMA ledger TO counterseal_signer;
GRANT SELECT ON ledger.checkpoint, ledger.cosigned_checkpoint, ledger.seal
    TO counterseal_app, counterseal_signer;
GRANT SELECT ON ledger.tenant_head, ledger.event, ledger.tile TO counterseal_signer;
GRANT EXECUTE ON FUNCTION ledger.leaves(text, bigint, bigint, timestamptz) TO counterseal_signer;
GRANT EXECUTE ON FUNCTION ledger.tiles(text, int[], bigint[]) TO counterseal_signer;
GRANT EXECUTE ON FUNCTION ledger.publish_checkpoint(text, bigint, bytea, text, boolean)
    TO counterseal_signer;
