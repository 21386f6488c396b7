CREATE TABLE videos (
    platform    text        NOT NULL,
    code        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('done', 'rejected', 'failed')),
    phase       text,
    reason      text,
    message     text,
    etag        text,
    fingerprint text,
    frames      integer,
    run         text        NOT NULL,
    seconds     jsonb       NOT NULL DEFAULT '{}',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform, code)
);

CREATE INDEX videos_by_state ON videos (state, reason);

-- Read by others under this name and with these columns since before this schema.
CREATE TABLE IF NOT EXISTS extraction_errors (
    id         bigserial   PRIMARY KEY,
    code       text        NOT NULL,
    error      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
