-- Pages of the library, the latest booking first; bookings of one transaction have the same time.
CREATE INDEX videos_newest
    ON videos (updated_at DESC, ((platform || '/' || code || '/') COLLATE "C"));
CREATE INDEX videos_by_run ON videos (run);
