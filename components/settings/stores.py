"""Where videos, frames, vectors and states are: S3, Qdrant, Postgres."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import SecretStr, field_validator

from components.settings.variables import Group, server_address, variable


class StorageSettings(Group):
    title = "S3"

    videos_bucket: str = variable(
        "S3_VIDEOS_BUCKET", "oriane-contents", "Bucket that holds <platform>/<code>/video.mp4"
    )
    frames_bucket: str = variable(
        "S3_FRAMES_BUCKET", "oriane-frames", "Bucket for published frames and done markers"
    )
    artifacts_bucket: str = variable(
        "S3_ARTIFACTS_BUCKET", "oriane-artifacts", "Bucket for what phases hand to each other"
    )
    region: str | None = variable(
        "AWS_REGION", None, "Region of the buckets (default: boto3's, else us-east-1)"
    )
    endpoint_url: str | None = variable(
        "AWS_ENDPOINT_URL", None, "Address of an S3 server other than AWS's own"
    )
    access_key_id: str | None = variable(
        "AWS_ACCESS_KEY_ID",
        None,
        "Key id; without it boto3's usual chain is asked",
        credential=True,
    )
    secret_access_key: SecretStr | None = variable(
        "AWS_SECRET_ACCESS_KEY", None, "Secret of the key id", credential=True
    )
    session_token: SecretStr | None = variable(
        "AWS_SESSION_TOKEN", None, "Token of temporary credentials", credential=True
    )
    attempts: int = variable(
        "VP_S3_ATTEMPTS", 6, "Tries of one request, with exponential backoff", ge=1, le=20
    )
    etags_are_md5: bool = variable(
        "VP_S3_ETAG_MD5",
        True,
        "Compare what arrives with its ETag where that looks like an MD5; 0 if it is not one",
    )
    connect_timeout_s: float = variable(
        "VP_S3_CONNECT_TIMEOUT_SECS", 5.0, "Seconds to wait for a connection", gt=0
    )
    read_timeout_s: float = variable(
        "VP_S3_READ_TIMEOUT_SECS", 60.0, "Seconds to wait for an answer", gt=0
    )

    @field_validator("videos_bucket", "frames_bucket", "artifacts_bucket")
    @classmethod
    def _name_alone(cls, bucket: str) -> str:
        if "/" in bucket:
            raise ValueError("expected the name of a bucket, without s3:// and folders")
        # As boto3 takes them, with the ARNs of access points.
        if not re.fullmatch(r"[A-Za-z0-9._:-]{1,255}", bucket):
            raise ValueError("expected the name of a bucket: letters, digits, dots and dashes")
        return bucket

    @field_validator("endpoint_url")
    @classmethod
    def _whole_address(cls, url: str | None) -> str | None:
        return server_address(url) if url else url


class IndexSettings(Group):
    title = "index and search (Qdrant)"

    url: str | None = variable(
        "QDRANT_URL", None, "Address of the server, or a folder for an embedded Qdrant"
    )
    key: SecretStr | None = variable("QDRANT_KEY", None, "API key of the server", credential=True)
    engine: Literal["edge", "local"] = variable(
        "QDRANT_EMBEDDED_ENGINE",
        "edge",
        "Engine over a folder: Qdrant Edge, or qdrant-client's local mode where Edge has no wheel",
    )
    collection: str = variable(
        "QDRANT_COLLECTION",
        "watched_frames",
        "Alias of the collection that holds the frames",
        decides=True,
    )
    grpc_port: int = variable(
        "QDRANT_GRPC_PORT",
        6334,
        "The server's gRPC port, for upserts; 0 sends them over REST",
        ge=0,
        le=65535,
    )
    on_disk: bool = variable("QDRANT_ON_DISK", True, "Keep whole vectors on disk (new collections)")
    quantization: Literal["int8", "none"] = variable(
        "QDRANT_QUANTIZATION", "int8", "Search in scalars of a byte, or in floats (new collections)"
    )
    quantized_in_ram: bool = variable(
        "QDRANT_QUANTIZED_IN_RAM", True, "Keep quantized vectors in memory (new collections)"
    )
    hnsw_m: int = variable(
        "QDRANT_HNSW_M", 16, "Links of a node of the HNSW graph (new collections)", ge=4, le=128
    )
    hnsw_ef_construct: int = variable(
        "QDRANT_HNSW_EF_CONSTRUCT",
        100,
        "Neighbours looked at to build the graph (new collections)",
        ge=4,
        le=4096,
    )
    hnsw_on_disk: bool = variable(
        "QDRANT_HNSW_ON_DISK", False, "Keep the HNSW graph on disk (new collections)"
    )
    shards: int | None = variable(
        "QDRANT_SHARDS", None, "Shards (new collections; default: one a node)", ge=1, le=1024
    )
    replicas: int = variable(
        "QDRANT_REPLICAS", 1, "Copies of each shard (new collections)", ge=1, le=32
    )
    upsert_batch: int = variable("VP_UPSERT_BATCH", 256, "Points a request", ge=1, le=10_000)
    timeout_s: int = variable("VP_QDRANT_TIMEOUT_SECS", 30, "Seconds to wait for an answer", ge=1)
    attempts: int = variable(
        "VP_QDRANT_ATTEMPTS", 5, "Tries of one request, with exponential backoff", ge=1, le=20
    )

    @field_validator("url")
    @classmethod
    def _server_or_folder(cls, url: str | None) -> str | None:
        """Refuse a server's address without http, which would be the name of a folder."""
        is_server = (url or "").startswith(("http://", "https://"))
        if url and not is_server and re.fullmatch(r".*://.*|[\w.-]+:\d+/?", url):
            raise ValueError("expected http://host:port, https://host:port, or a folder")
        return server_address(url) if url and is_server else url

    @property
    def embedded(self) -> bool:
        """Whether Qdrant runs in this process, over a folder."""
        return not (self.url or "").startswith(("http://", "https://"))


class LedgerSettings(Group):
    title = "Ledger (Postgres)"

    local_mode: bool = variable("LOCAL_MODE", False, "1 does without Postgres")
    host: str | None = variable("DB_HOST", None, "Host, or the folder of a Unix socket")
    port: int = variable("DB_PORT", 5432, "Port", ge=1, le=65535)
    name: str | None = variable("DB_NAME", None, "Database")
    user: str | None = variable("DB_USER", None, "Role")
    password: SecretStr | None = variable(
        "DB_PASSWORD", None, "Password of the role", credential=True
    )
    sslmode: str = variable(
        "DB_SSLMODE", "prefer", "libpq's sslmode; verify-full checks the server's certificate"
    )
    sslrootcert: str | None = variable(
        "DB_SSLROOTCERT", None, "File of the authority that signed the server's certificate"
    )
    sslcert: str | None = variable("DB_SSLCERT", None, "File of the client's certificate")
    sslkey: str | None = variable("DB_SSLKEY", None, "File of the client's key")
    pool_max: int = variable(
        "DB_POOL_MAX", 4, "Most connections of one process, opened as needed", ge=1, le=100
    )
    pool_timeout_s: float = variable(
        "DB_POOL_TIMEOUT_SECS", 30.0, "Seconds to wait for a free connection", gt=0
    )
    attempts: int = variable(
        "VP_DB_ATTEMPTS", 5, "Tries to connect, with exponential backoff", ge=1, le=20
    )
