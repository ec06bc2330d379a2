-- Messages that are sent, by the patients they tell of. Row security lets no index over arrays be used, because what
-- compares arrays might tell of rows of others; texts may be compared.

CREATE TABLE hl7.outbound_patient (
    tenant_id integer NOT NULL,
    patient   text COLLATE "C" NOT NULL,     -- logical id
    number    bigint NOT NULL,
    PRIMARY KEY (tenant_id, patient, number)
);
DROP INDEX hl7.outbound_patients;
CREATE INDEX outbound_closed ON hl7.outbound (tenant_id, number) WHERE state = 4;

SELECT tenancy.guard('hl7');
GRANT SELECT, INSERT, DELETE ON hl7.outbound_patient TO stanforis_app;

CREATE FUNCTION hl7.outbound_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM hl7.outbound_patient
            WHERE tenant_id = OLD.tenant_id AND patient = ANY (OLD.patients) AND number = OLD.number;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO hl7.outbound_patient (tenant_id, patient, number)
            SELECT NEW.tenant_id, p.patient, NEW.number FROM unnest(NEW.patients) AS p (patient) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbound_tells AFTER INSERT OR DELETE OR UPDATE OF number, patients ON hl7.outbound
    FOR EACH ROW EXECUTE FUNCTION hl7.outbound_tells();
