"""Where videos, frames, vectors and states are: S3, vector stores, Postgres."""
