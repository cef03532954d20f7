-- The application may read, and may append through the one function. Nothing else.
REVOKE ALL ON SCHEMA ledger FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC, counterseal_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC, counterseal_app;
GRANT USAGE ON SCHEMA ledger TO counterseal_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO counterseal_app;
GRANT EXECUTE ON FUNCTION ledger.append(jsonb, bytea[]) TO counterseal_app;
GRANT EXECUTE ON FUNCTION ledger.circumstances(text, text, jsonb, timestamptz) TO counterseal_app;
