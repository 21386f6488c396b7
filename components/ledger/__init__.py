"""What is known of every video: a ledger in Postgres, or without one the markers in S3."""
