"""Every environment variable the project reads, grouped by the phase that reads it.

`Settings.load()` reads them once into one frozen object. `.env.example` and `docs/settings.md`
are rendered from the declarations below, so a variable is described here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_type_hints

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from components.encoders.identity import identity
from components.errors import ConfigurationError


def _variable(
    name: str,
    default: Any,
    description: str,
    *,
    decides: bool = False,
    credential: bool = False,
    **bounds: Any,
) -> Any:
    """Declare the environment variable `name`.

    `decides` says that it decides the phase's result for a video and so enters the fingerprint;
    limits, sizes of batches and addresses do not. A `credential` never leaves its Secret.
    """
    return Field(
        default,
        validation_alias=name,
        description=description,
        json_schema_extra={"decides": decides, "credential": credential},
        **bounds,
    )


@dataclass(frozen=True)
class Variable:
    """An environment variable, as it is declared below."""

    name: str
    field: str
    default: Any
    description: str
    decides: bool
    credential: bool

    @property
    def text(self) -> str:
        """The default as the environment would give it; empty where there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, bool):
            return str(int(self.default))
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)


class Group(BaseSettings):
    """The variables of one phase or service; frozen, read from the environment when built."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        case_sensitive=True,
        env_ignore_empty=True,
        populate_by_name=True,
    )
    title: ClassVar[str]

    def deciding(self) -> dict[str, Any]:
        """Return the values that decide a phase's result, by variable name."""
        return {
            variable.name: getattr(self, variable.field)
            for variable in self.variables()
            if variable.decides
        }

    @classmethod
    def variables(cls) -> Iterator[Variable]:
        """Yield the group's environment variables, in order of declaration."""
        for field, declared in cls.model_fields.items():
            extra: Any = declared.json_schema_extra
            yield Variable(
                name=str(declared.validation_alias),
                field=field,
                default=declared.default,
                description=declared.description or "",
                **extra,
            )


class StorageSettings(Group):
    title = "S3"

    videos_bucket: str = _variable(
        "S3_VIDEOS_BUCKET", "oriane-contents", "Bucket that holds <platform>/<code>/video.mp4"
    )
    frames_bucket: str = _variable(
        "S3_FRAMES_BUCKET", "oriane-frames", "Bucket for published frames and done markers"
    )
    artifacts_bucket: str = _variable(
        "S3_ARTIFACTS_BUCKET", "oriane-artifacts", "Bucket for what phases hand to each other"
    )
    region: str | None = _variable(
        "AWS_REGION", None, "Region of the buckets (default: boto3's, else us-east-1)"
    )
    endpoint_url: str | None = _variable(
        "AWS_ENDPOINT_URL", None, "Address of an S3 server other than AWS's own"
    )
    access_key_id: str | None = _variable(
        "AWS_ACCESS_KEY_ID",
        None,
        "Key id; without it boto3's usual chain is asked",
        credential=True,
    )
    secret_access_key: SecretStr | None = _variable(
        "AWS_SECRET_ACCESS_KEY", None, "Secret of the key id", credential=True
    )
    session_token: SecretStr | None = _variable(
        "AWS_SESSION_TOKEN", None, "Token of temporary credentials", credential=True
    )
    attempts: int = _variable(
        "VP_S3_ATTEMPTS", 6, "Tries of one request, with exponential backoff", ge=1, le=20
    )
    connect_timeout_s: float = _variable(
        "VP_S3_CONNECT_TIMEOUT_SECS", 5.0, "Seconds to wait for a connection", gt=0
    )
    read_timeout_s: float = _variable(
        "VP_S3_READ_TIMEOUT_SECS", 60.0, "Seconds to wait for an answer", gt=0
    )


class LimitSettings(Group):
    title = "Limits on one video (a rejection for a limit is tried again once the limit changes)"

    max_video_mb: int = _variable(
        "VP_MAX_VIDEO_MB", 4096, "Largest source file, in MB (reason too_many_bytes)", ge=1
    )
    max_duration_s: float = _variable(
        "VP_MAX_DURATION_SECS", 7200.0, "Longest video, in seconds (reason too_long)", gt=0
    )
    max_pixels: int = _variable(
        "VP_MAX_PIXELS", 36_000_000, "Most pixels a frame, 8K by default (reason too_large)", ge=1
    )
    decode_timeout_s: float = _variable(
        "VP_DECODE_TIMEOUT_SECS",
        1800.0,
        "Seconds one phase may decode one video (reason decoder_timeout)",
        gt=0,
    )
    decode_memory_mb: int = _variable(
        "VP_DECODE_MEMORY_MB",
        4096,
        "Memory of the process that decodes one video (reason out_of_memory)",
        ge=256,
    )


class WorkSettings(Group):
    title = "Workers and files"

    workers: int | None = _variable(
        "VP_MAX_WORKERS", None, "Videos a phase works on at once (default: the cores)", ge=1
    )
    scratch_dir: Path | None = _variable(
        "VP_SCRATCH_DIR", None, "Folder for temporary files (default: the system's)"
    )
    data_dir: Path = _variable(
        "VP_DATA_DIR", Path("data"), "Folder of a run on one machine: S3, Qdrant, logs"
    )
    profile_json: Path | None = _variable(
        "PROFILE_JSON", None, "Write a Chrome trace of phases and workers to this file"
    )
    attempt: int = _variable(
        "VP_ATTEMPT", 0, "Which try of a phase this is, counted from 0; set by the engine", ge=0
    )
    last_attempt: int | None = _variable(
        "VP_LAST_ATTEMPT",
        None,
        "The try that ends with 0 although videos failed, so that the others go on (default: none)",
        ge=0,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _variable(
        "VP_LOG_LEVEL", "INFO", "Least severity of the messages shown"
    )

    @property
    def worker_count(self) -> int:
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def is_last_attempt(self) -> bool:
        return self.last_attempt is not None and self.attempt >= self.last_attempt


class PlanSettings(Group):
    title = "plan"

    job_input: str | None = _variable(
        "JOB_INPUT", None, 'Videos to process: JSON list of {"platform": …, "code": …}'
    )
    retry_limit: int = _variable(
        "VP_RETRY_LIMIT", 5, "Runs in which a video may fail before catch-up gives it up", ge=1
    )
    retry_backoff_h: float = _variable(
        "VP_RETRY_BACKOFF_HOURS",
        6.0,
        "Hours before a failed video is due again, doubled with each failure",
        ge=0,
    )
    lease_h: float = _variable(
        "VP_LEASE_HOURS",
        24.0,
        "Hours for which a run keeps others off a video, unless it books it before",
        gt=0,
    )
    queue_url: str | None = _variable(
        "VP_QUEUE_URL", None, "SQS queue that gets the source bucket's event notifications"
    )


class CropSettings(Group):
    title = "crop"

    enabled: bool = _variable("VP_ENABLE_CROP", True, "Look for borders at all", decides=True)
    probes: int = _variable(
        "VP_CROP_PROBES", 3, "Positions at which borders are looked for", decides=True, ge=1, le=50
    )
    clip_s: float = _variable(
        "VP_CROP_CLIP_SECS", 2.0, "Seconds looked at per position", decides=True, gt=0, le=60
    )
    cropdetect: str = _variable(
        "VP_CROP_CROPDETECT",
        "24:16:0",
        "FFmpeg cropdetect's limit:round:reset; the bounds are used as found, before rounding",
        decides=True,
        pattern=r"^\d{1,3}:\d{1,3}:\d{1,5}$",
    )
    safe_margin_px: int = _variable(
        "VP_CROP_SAFE_MARGIN",
        0,
        "Pixels trimmed further inside each side that has a border",
        decides=True,
        ge=0,
        le=500,
    )
    min_ratio: float = _variable(
        "VP_MIN_CROP_RATIO",
        0.10,
        "Ignore borders that take less than this part of the width and of the height",
        decides=True,
        ge=0,
        lt=1,
    )
    output: Literal["rect", "video"] = _variable(
        "VP_CROP_OUTPUT",
        "rect",
        "Hand on the rectangle only, or a re-encoded video as well",
        decides=True,
    )
    hwaccel: str = _variable(
        "VP_CROP_HWACCEL", "cuda", "Decode on the GPU when re-encoding: cuda or none"
    )
    encoder: str = _variable(
        "VP_CROP_ENCODER",
        "h264_nvenc",
        "Encoder of the re-encoded video; libx264 where the GPU has none",
        decides=True,
    )
    preset: str = _variable("VP_CROP_PRESET", "p5", "NVENC preset p1 to p7", decides=True)
    tune: str = _variable("VP_CROP_TUNE", "hq", "NVENC tuning", decides=True)
    cq: int = _variable(
        "VP_CROP_CQ", 23, "Constant quality of the re-encoded video", decides=True, ge=0, le=51
    )

    def deciding(self) -> dict[str, Any]:
        """Leave out what a disabled crop, or one without re-encoding, does not read."""
        values = super().deciding()
        if not self.enabled:
            return {"VP_ENABLE_CROP": False}
        if self.output == "rect":
            for name in ("VP_CROP_ENCODER", "VP_CROP_PRESET", "VP_CROP_TUNE", "VP_CROP_CQ"):
                del values[name]
        return values

    @property
    def limit(self) -> int:
        """cropdetect's limit: luma up to this counts as black, on the scale 0 to 255."""
        return int(self.cropdetect.split(":")[0])


class FrameSettings(Group):
    title = "frame"

    detector: Literal["adaptive", "content", "hash", "histogram", "threshold"] = _variable(
        "VP_SCENE_DETECTOR", "adaptive", "PySceneDetect's detector", decides=True
    )
    threshold: float | None = _variable(
        "VP_SCENE_THRESH", None, "Its threshold (default: the detector's own)", decides=True, gt=0
    )
    sample_fps: float = _variable(
        "VP_SAMPLE_FPS",
        0.1,
        "Frames a second at which longer scenes are sampled: 0.1 is one every 10 s",
        decides=True,
        gt=0,
        le=1000,
    )
    min_frames: int = _variable(
        "VP_MIN_FRAMES", 3, "Fewest frames of a video that has as many", decides=True, ge=1, le=1000
    )
    solid_std: float = _variable(
        "VP_SOLID_STD",
        5.0,
        "A frame whose channels all vary less than this (0 to 255) is blank",
        decides=True,
        ge=0,
    )


class DedupSettings(Group):
    title = "dedup"

    enabled: bool = _variable("VP_ENABLE_DEDUP", True, "Remove near-duplicates", decides=True)
    hash_size: int = _variable(
        "VP_DHASH_SIZE",
        8,
        "Side of the difference hash: 8 gives 64 bits",
        decides=True,
        ge=2,
        le=64,
    )
    tolerance: int = _variable(
        "VP_TOLERANCE",
        5,
        "A frame within this many bits of the last kept one is a duplicate",
        decides=True,
        ge=0,
    )

    def deciding(self) -> dict[str, Any]:
        """Leave out what a disabled dedup does not read."""
        return super().deciding() if self.enabled else {"VP_ENABLE_DEDUP": False}


class UploadSettings(Group):
    title = "upload"

    concurrency: int = _variable("VP_UPLOAD_CONCURRENCY", 16, "Frames sent at once", ge=1, le=256)


class EmbedSettings(Group):
    title = "embed"

    model: str = _variable(
        "CLIP_MODEL",
        "jinaai/jina-clip-v2",
        "Hub id (id@revision pins it), a local folder, or packaged:conse",
        decides=True,
        min_length=1,
    )
    dim: int | None = _variable(
        "QDRANT_DIM",
        None,
        "Dimensions of the vectors (default: the model's own; 512 for jina-clip-v2)",
        decides=True,
        ge=1,
        le=65536,
    )
    batch_size: int = _variable("VP_BATCH_SIZE", 8, "Frames a forward pass", ge=1, le=4096)
    model_dir: Path = _variable(
        "VP_MODEL_DIR", Path("~/.cache/oriane/models"), "Folder of models that bring their own code"
    )
    device: str = _variable("VP_DEVICE", "auto", "auto, cpu, cuda or cuda:N")

    def deciding(self) -> dict[str, Any]:
        """Name the model by its identity, so that a changed folder is another model."""
        return {**super().deciding(), "CLIP_MODEL": identity(self.model)}


class IndexSettings(Group):
    title = "index and search (Qdrant)"

    url: str | None = _variable(
        "QDRANT_URL", None, "Address of the server, or a folder for an embedded Qdrant"
    )
    key: SecretStr | None = _variable("QDRANT_KEY", None, "API key of the server", credential=True)
    collection: str = _variable(
        "QDRANT_COLLECTION",
        "watched_frames",
        "Alias of the collection that holds the frames",
        decides=True,
    )
    grpc_port: int = _variable(
        "QDRANT_GRPC_PORT",
        6334,
        "The server's gRPC port, for upserts; 0 sends them over REST",
        ge=0,
        le=65535,
    )
    on_disk: bool = _variable(
        "QDRANT_ON_DISK", True, "Keep whole vectors on disk (new collections)"
    )
    quantization: Literal["int8", "none"] = _variable(
        "QDRANT_QUANTIZATION", "int8", "Search in scalars of a byte, or in floats (new collections)"
    )
    quantized_in_ram: bool = _variable(
        "QDRANT_QUANTIZED_IN_RAM", True, "Keep quantized vectors in memory (new collections)"
    )
    hnsw_m: int = _variable(
        "QDRANT_HNSW_M", 16, "Links of a node of the HNSW graph (new collections)", ge=4, le=128
    )
    hnsw_ef_construct: int = _variable(
        "QDRANT_HNSW_EF_CONSTRUCT",
        100,
        "Neighbours looked at to build the graph (new collections)",
        ge=4,
        le=4096,
    )
    hnsw_on_disk: bool = _variable(
        "QDRANT_HNSW_ON_DISK", False, "Keep the HNSW graph on disk (new collections)"
    )
    shards: int | None = _variable(
        "QDRANT_SHARDS", None, "Shards (new collections; default: one a node)", ge=1, le=1024
    )
    replicas: int = _variable(
        "QDRANT_REPLICAS", 1, "Copies of each shard (new collections)", ge=1, le=32
    )
    upsert_batch: int = _variable("VP_UPSERT_BATCH", 256, "Points a request", ge=1, le=10_000)
    timeout_s: int = _variable("VP_QDRANT_TIMEOUT_SECS", 30, "Seconds to wait for an answer", ge=1)
    attempts: int = _variable(
        "VP_QDRANT_ATTEMPTS", 5, "Tries of one request, with exponential backoff", ge=1, le=20
    )


class LedgerSettings(Group):
    title = "Ledger (Postgres)"

    local_mode: bool = _variable("LOCAL_MODE", False, "1 does without Postgres")
    host: str | None = _variable("DB_HOST", None, "Host, or the folder of a Unix socket")
    port: int = _variable("DB_PORT", 5432, "Port", ge=1, le=65535)
    name: str | None = _variable("DB_NAME", None, "Database")
    user: str | None = _variable("DB_USER", None, "Role")
    password: SecretStr | None = _variable(
        "DB_PASSWORD", None, "Password of the role", credential=True
    )
    sslmode: str = _variable(
        "DB_SSLMODE", "prefer", "libpq's sslmode; verify-full checks the server's certificate"
    )
    sslrootcert: str | None = _variable(
        "DB_SSLROOTCERT", None, "File of the authority that signed the server's certificate"
    )
    sslcert: str | None = _variable("DB_SSLCERT", None, "File of the client's certificate")
    sslkey: str | None = _variable("DB_SSLKEY", None, "File of the client's key")
    pool_max: int = _variable(
        "DB_POOL_MAX", 4, "Most connections of one process, opened as needed", ge=1, le=100
    )
    pool_timeout_s: float = _variable(
        "DB_POOL_TIMEOUT_SECS", 30.0, "Seconds to wait for a free connection", gt=0
    )
    attempts: int = _variable(
        "VP_DB_ATTEMPTS", 5, "Tries to connect, with exponential backoff", ge=1, le=20
    )


class MetricsSettings(Group):
    title = "Metrics of runs on one machine"

    file: str | None = _variable(
        "VP_METRICS_FILE",
        None,
        "Write the last run's metrics to this .prom file, for node_exporter's textfile collector",
        pattern=r"\.prom$",
    )
    pushgateway_url: str | None = _variable(
        "VP_PUSHGATEWAY_URL",
        None,
        "Push the last run's metrics to this Pushgateway, as job oriane",
        pattern=r"^https?://\S+$",
    )


class ClusterSettings(Group):
    title = "oriane submit (Argo server)"

    server: str | None = _variable(
        "ARGO_SERVER", None, "Argo server's host:port, or its whole address"
    )
    token: SecretStr | None = _variable(
        "ARGO_TOKEN", None, "Token for the Argo server", credential=True
    )
    namespace: str = _variable("ARGO_NAMESPACE", "oriane", "Namespace of the pipeline")
    secure: bool = _variable("ARGO_SECURE", True, "0 speaks HTTP if ARGO_SERVER has no scheme")
    insecure_skip_verify: bool = _variable(
        "ARGO_INSECURE_SKIP_VERIFY", False, "1 accepts any certificate"
    )

    @property
    def address(self) -> str:
        """The server's address with its scheme.

        Raises:
            ConfigurationError: ARGO_SERVER is not set.
        """
        if not self.server:
            raise ConfigurationError(
                "ARGO_SERVER not set; set it to the Argo server's host:port, and ARGO_TOKEN to a "
                "token of the service account oriane-submitter"
            )
        if "://" in self.server:
            return self.server
        return f"{'https' if self.secure else 'http'}://{self.server}"


@dataclass(frozen=True)
class Settings:
    """All groups, read together so that every wrong variable is named at once."""

    storage: StorageSettings
    limits: LimitSettings
    work: WorkSettings
    plan: PlanSettings
    crop: CropSettings
    frame: FrameSettings
    dedup: DedupSettings
    upload: UploadSettings
    embed: EmbedSettings
    index: IndexSettings
    ledger: LedgerSettings
    metrics: MetricsSettings
    cluster: ClusterSettings

    @classmethod
    def load(cls) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that has no usable value.
        """
        groups: dict[str, Any] = {}
        problems: list[str] = []
        for name, group in cls.groups():
            try:
                groups[name] = group()
            except ValidationError as error:
                problems += [
                    f"{problem['loc'][0]}: {problem['msg']}, found {_shown(problem)}"
                    for problem in error.errors()
                ]
        if problems:
            raise ConfigurationError(
                "; ".join(problems) + "; docs/settings.md lists what each variable takes"
            )
        return cls(**groups)

    def having(self, group: str, **values: Any) -> Self:
        """Return these settings with some values of a group replaced, by field name."""
        changed = getattr(self, group).model_copy(update=values)
        return replace(self, **{group: changed})

    @classmethod
    def groups(cls) -> Iterator[tuple[str, type[Group]]]:
        """Yield each group's name and class, in order of declaration."""
        yield from get_type_hints(cls).items()


def _shown(problem: Any) -> str:
    """Quote the refused value, unless the variable is a secret."""
    name = str(problem["loc"][0])
    secret = any(word in name for word in ("KEY", "SECRET", "PASSWORD", "TOKEN"))
    return "a value that is not shown" if secret else repr(problem["input"])
