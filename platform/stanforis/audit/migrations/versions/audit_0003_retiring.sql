-- What stays of the batches of a month that was removed: what seals vouch for, so that the chain is verified across it.
CREATE TABLE audit.retired (
    tenant_id   integer NOT NULL,
    batch_id    bigint NOT NULL,
    marker      bigint NOT NULL,
    mac         bytea NOT NULL,
    PRIMARY KEY (tenant_id, batch_id)
);
CREATE INDEX retired_by_marker ON audit.retired (tenant_id, marker, batch_id);

-- Tells, with the key that is not in the database, that the operator removed the batches from *first* to below *behind*.
CREATE TABLE audit.anchor (
    tenant_id   integer NOT NULL,
    first       bigint NOT NULL,
    behind      bigint NOT NULL,
    made_at     bigint NOT NULL,
    batches     bigint NOT NULL,
    mac         bytea NOT NULL,
    PRIMARY KEY (tenant_id, first)
);
SELECT tenancy.guard('audit');
GRANT SELECT ON audit.retired, audit.anchor TO stanforis_app;

-- Batches that were removed, by their markers.
CREATE FUNCTION audit.retired_between(t integer, low bigint, high bigint) RETURNS TABLE (batch_id bigint, mac bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT r.batch_id, r.mac FROM audit.retired r
        WHERE r.tenant_id = t AND r.marker >= low AND r.marker < high ORDER BY r.batch_id;
END $$;

-- Batches that were removed, by their numbers.
CREATE FUNCTION audit.retired_in(t integer, first bigint, behind bigint, most integer)
RETURNS TABLE (batch_id bigint, mac bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT r.batch_id, r.mac FROM audit.retired r
        WHERE r.tenant_id = t AND r.batch_id >= first AND r.batch_id < behind ORDER BY r.batch_id LIMIT most;
END $$;

CREATE FUNCTION audit.anchors(t integer) RETURNS SETOF audit.anchor LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.* FROM audit.anchor a WHERE a.tenant_id = t ORDER BY a.first;
END $$;

REVOKE ALL ON FUNCTION audit.retired_between, audit.retired_in, audit.anchors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.retired_between, audit.retired_in, audit.anchors TO stanforis_app;
