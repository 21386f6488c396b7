"""What boto3's errors mean, and what to do about them."""

from __future__ import annotations

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    InvalidConfigError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from components.errors import (
    ConfigurationError,
    DamagedObjectError,
    DeniedError,
    NotFoundError,
    PipelineError,
    TransientError,
)
from components.stores.checksums import DamagedBytesError, ReplacedError
from components.stores.objects import split

_MISSING = {"404", "NoSuchKey", "NotFound"}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_ARCHIVED = "InvalidObjectState"
# A HEAD request is refused without a word.
_DENIED = {"403", "AccessDenied", "AllAccessDisabled"}
_UNKNOWN = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
}
_LONGEST_WORDS = 200
# Nothing was sent: a login that has expired, a role that is written wrongly, a name of no bucket.
_NOT_SENT = (SSOError, TokenRetrievalError, InvalidConfigError, ParamValidationError)
_NO_ANSWER_ON_CREDENTIALS = (CredentialRetrievalError, MetadataRetrievalError)
_ROLES = "AssumeRole"


def explained(error: Exception, uri: str, endpoint: str, attempts: int) -> PipelineError:
    """Return the project's error for boto3's, or for bytes that differ, with what to do about it.

    Args:
        attempts: How often it was tried.
    """
    if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
        error = error.__context__
    if isinstance(error, ClientError):
        return _refused(error, uri, endpoint)
    if isinstance(error, ReplacedError):
        return TransientError(
            f"{uri}: replaced while in use ({error}); the next run takes it as it is now"
        )
    if isinstance(error, DamagedBytesError):
        damaged = DamagedObjectError if error.at_rest else TransientError
        return damaged(
            f"{uri}: damaged on its way or at {endpoint}, {attempts} times "
            f"({error}); check the network and what lies between, then try again. If all "
            "objects are, ETags may be no MD5 there: VP_S3_ETAG_MD5=0"
        )
    return _not_asked(error, uri, endpoint)


def _not_asked(error: Exception, uri: str, endpoint: str) -> PipelineError:
    """Explain why no answer came, or nothing was sent."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ConfigurationError(
            f"{uri}: no S3 credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, _NOT_SENT):
        return ConfigurationError(
            f"{uri}: boto3 asks for nothing ({_words(error)}); log in anew, or check AWS_PROFILE "
            "and ~/.aws/config"
        )
    if isinstance(error, _NO_ANSWER_ON_CREDENTIALS):
        return TransientError(
            f"{uri}: boto3 got no credentials ({_words(error)}); check what gives them, then try "
            "again"
        )
    return TransientError(
        f"{uri}: {endpoint} cannot be reached ({type(error).__name__}); check "
        "AWS_ENDPOINT_URL and the network, then try again"
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_WORDS]


def _refused(error: ClientError, uri: str, endpoint: str) -> PipelineError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"{uri}: {endpoint} has no bucket {split(uri)[0]!r}; create it or set "
            "S3_VIDEOS_BUCKET, S3_FRAMES_BUCKET and S3_ARTIFACTS_BUCKET"
        )
    if code in _MISSING:
        return NotFoundError(f"{uri}: no such object at {endpoint}")
    if code in _SKEWED:
        return ConfigurationError(
            f"{uri}: the clocks of this machine and of {endpoint} differ by more than S3 "
            f"allows ({code}); set this machine's clock (timedatectl, chrony), then try again"
        )
    asks_for_role = error.operation_name.startswith(_ROLES)
    if asks_for_role or status in (401, 403) or code in _DENIED | _UNKNOWN:
        return _forbidden(error, code, uri, endpoint)
    if "no space left" in str(error).lower():
        return TransientError(
            f"{uri}: no space left on the disk of {endpoint}; free some there (on one "
            "machine that is the disk of VP_DATA_DIR)"
        )
    # rclone says no more than this of a full disk, if it notices midway.
    look = "see whether its disk is full, then " if code == "InternalError" else ""
    said = str(error.response.get("Error", {}).get("Message", "")).strip(" .")[:_LONGEST_WORDS]
    told = f": {said}" if said and said != code else ""
    return TransientError(f"{uri}: {endpoint} answered {code} ({status}){told}; {look}try again")


def _forbidden(error: ClientError, code: str, uri: str, endpoint: str) -> PipelineError:
    if error.operation_name.startswith(_ROLES):
        return ConfigurationError(
            f"{uri}: the role was refused ({_words(error)}); check its trust policy, and the "
            "service account or profile that asks for it"
        )
    if code == _ARCHIVED:
        storage = error.response["Error"].get("StorageClass", "an archive's storage class")
        return TransientError(
            f"{uri}: {endpoint} keeps it in {storage}, from which it cannot be read; restore it "
            "(aws s3api restore-object), then try again"
        )
    if code in _DENIED:
        return DeniedError(
            f"{uri}: {endpoint} denied access ({code}); check the bucket's policy, who owns the "
            "object, and its key of KMS, if it has one"
        )
    return ConfigurationError(
        f"{uri}: {endpoint} refused the credentials ({code}); check "
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy"
    )
