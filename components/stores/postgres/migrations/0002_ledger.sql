ALTER TABLE videos
    ADD COLUMN source       text,
    ADD COLUMN bytes        bigint,
    ADD COLUMN fingerprints jsonb   NOT NULL DEFAULT '{}',
    ADD COLUMN attempts     integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT videos_state_check,
    ADD CONSTRAINT videos_state_check CHECK (state IN ('done', 'rejected', 'failed', 'requested'));

UPDATE videos SET attempts = 1 WHERE state = 'failed';

-- The order of keys in S3, so that a listing and the ledger can be read side by side.
CREATE INDEX videos_in_key_order ON videos ((platform || '/' || code || '/') COLLATE "C");

-- A run that works on a video keeps others off it until it books the video or the lease expires.
CREATE TABLE leases (
    platform   text        NOT NULL,
    code       text        NOT NULL,
    run        text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (platform, code)
);
CREATE INDEX leases_by_run ON leases (run);

CREATE TABLE events (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    platform text        NOT NULL,
    code     text        NOT NULL,
    event    text        NOT NULL,
    run      text,
    details  jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX events_of_video ON events (platform, code, id);
-- A step that starts again after its commit books nothing twice.
CREATE UNIQUE INDEX events_once_a_run ON events (platform, code, run, event);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are only ever appended'; END $$;
CREATE TRIGGER events_are_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
