"""S3 through boto3: whole objects in, whole objects out, with errors that say what to do."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from components.base.disk import space_error
from components.base.retries import answered
from components.base.side_by_side import batches
from components.errors import NotFoundError, TransientError
from components.settings import StorageSettings
from components.stores.aws import client, region_of
from components.stores.checksums import (
    NOTHING,
    DamagedBytesError,
    Digests,
    Expected,
    ReplacedError,
    check_sent,
)
from components.stores.objects import PART_BYTES, Stored, split
from components.stores.s3_errors import explained

__all__ = ["Store", "Stored", "split"]

_BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)

_KEYS_A_REQUEST = 1000
_LAST_CHARACTER = "\U0010ffff"
# Of a listing that may lie elsewhere than what is looked for.
_KEYS_AT_FIRST = 100

T = TypeVar("T")


def _is_damage(error: BaseException) -> bool:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in ("BadDigest", "InvalidDigest")
    return isinstance(error, DamagedBytesError)


def _received(body: Any, path: Path, expected: Expected) -> Digests:
    digests = Digests(expected)
    with path.open("wb") as file:
        for chunk in body.iter_chunks(2**20):
            digests.update(chunk)
            file.write(chunk)
    return digests


def _stored(bucket: str, page: Mapping[str, Any]) -> Iterator[Stored]:
    for item in page.get("Contents", ()):
        uri = f"s3://{bucket}/{item['Key']}"
        yield Stored(uri, item["Size"], item["ETag"].strip('"'), item["LastModified"])


class Store:
    """Reads and writes S3 objects by URI; safe to share between threads.

    Every method raises NotFoundError, ConfigurationError (credentials, bucket) or TransientError
    (anything that a later attempt may cure, after the attempts that the settings allow).
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._attempts = settings.attempts
        self._etags_are_md5 = settings.etags_are_md5
        region = region_of(settings)
        self.endpoint = settings.endpoint_url or f"AWS S3 in {region}"
        config = Config(
            retries={"mode": "standard", "total_max_attempts": settings.attempts},
            connect_timeout=settings.connect_timeout_s,
            read_timeout=settings.read_timeout_s,
            max_pool_connections=64,
            # Servers other than AWS's own are addressed by path and may not know checksums.
            s3={"addressing_style": "path"} if settings.endpoint_url else {},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._client = client(
            "s3", settings, endpoint=settings.endpoint_url, region=region, config=config
        )

    @property
    def events(self) -> Any:
        """botocore's events of the client, by which its requests can be counted or traced."""
        return self._client.meta.events

    def head(self, uri: str) -> Stored:
        """Return the object's size and ETag."""
        bucket, key = split(uri)
        answer = self._ask(uri, lambda: self._client.head_object(Bucket=bucket, Key=key))
        etag = answer["ETag"].strip('"')
        return Stored(uri, answer["ContentLength"], etag, answer["LastModified"])

    def exists(self, uri: str) -> bool:
        """Return whether the object is there."""
        try:
            self.head(uri)
        except NotFoundError:
            return False
        return True

    def get(self, uri: str, expected: Expected = NOTHING) -> bytes:
        """Return the object's content.

        Raises:
            DamagedObjectError: it is not what was written, however often it is read.
        """
        bucket, key = split(uri)

        def read() -> bytes:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            content: bytes = answer["Body"].read()
            digests = Digests(expected)
            digests.update(content)
            self._check(digests, answer, expected)
            return content

        return self._ask(uri, read)

    def part(self, uri: str, first: int, last: int, etag: str) -> bytes:
        """Return the bytes from `first` to `last`, both included, of the object with this ETag.

        Raises:
            TransientError: it has been replaced since.
        """
        bucket, key = split(uri)
        wanted = {"Range": f"bytes={first}-{last}", "IfMatch": f'"{etag}"'}

        def read() -> bytes:
            answer = self._client.get_object(Bucket=bucket, Key=key, **wanted)
            content: bytes = answer["Body"].read()
            if answer["ETag"].strip('"') != etag:
                raise ReplacedError(f"ETag {answer['ETag']}, before {etag}")
            return content

        return self._ask(uri, read)

    def download(self, uri: str, path: Path, expected: Expected = NOTHING) -> None:
        """Copy the object to `path`, which appears only once it is whole, and what was stored.

        Raises:
            DamagedObjectError: it is not what was written, however often it is read.
        """
        bucket, key = split(uri)
        part = path.with_name(f"{path.name}.part")

        def fetch() -> None:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > _TRANSFER.multipart_threshold:
                answer["Body"].close()
                self._client.download_file(bucket, key, str(part), Config=_TRANSFER)
                digests = Digests.of(part, expected)
            else:
                digests = _received(answer["Body"], part, expected)
            self._check(digests, answer, expected)
            part.replace(path)

        try:
            self._ask(uri, fetch)
        except OSError as error:
            if no_space := space_error(error, path):
                raise no_space from error
            raise
        finally:
            part.unlink(missing_ok=True)

    def put(self, uri: str, content: bytes, content_type: str, md5: str = "") -> str:
        """Write a small object in one request, with a checksum for the server to compare.

        Args:
            md5: That of what `content` is to be, in hexadecimal, where it is known. Other bytes
                are refused by the server.

        Returns:
            The MD5 of what was sent, in hexadecimal.
        """
        md5 = md5 or hashlib.md5(content, usedforsecurity=False).hexdigest()
        self._send(uri, lambda: content, bytes.fromhex(md5), content_type)
        return md5

    def upload(self, uri: str, path: Path, content_type: str) -> Digests:
        """Copy the file at `path` to the object; return what was sent."""
        bucket, key = split(uri)
        digests = Digests.of(path)
        if digests.size <= _TRANSFER.multipart_threshold:
            self._send(uri, path.read_bytes, digests.md5, content_type)
            return digests
        # What botocore calculates itself, a checksum a part, servers other than AWS's may not know.
        options = {"ExtraArgs": {"ContentType": content_type}, "Config": _TRANSFER}

        def send() -> None:
            self._client.upload_file(str(path), bucket, key, **options)
            answer = self._client.head_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] != digests.size:
                raise DamagedBytesError(f"{answer['ContentLength']} bytes of {digests.size}")
            self._check_sent(digests.md5, answer)

        self._ask(uri, send)
        return digests

    def _send(self, uri: str, content: Callable[[], bytes], md5: bytes, content_type: str) -> None:
        bucket, key = split(uri)
        whole = {"Bucket": bucket, "Key": key, "ContentType": content_type}
        whole["ContentMD5"] = b64encode(md5).decode()

        def send() -> None:
            answer = self._client.put_object(Body=content(), **whole)
            self._check_sent(md5, answer)

        self._ask(uri, send)

    def _check(self, digests: Digests, answer: Any, expected: Expected) -> None:
        digests.check(answer if self._etags_are_md5 else {**answer, "ETag": ""}, expected)

    def _check_sent(self, md5: bytes, answer: Any) -> None:
        if self._etags_are_md5:
            check_sent(md5, answer)

    def objects(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects whose URI starts with `prefix`, in key order, page by page."""
        bucket, _ = split(prefix)
        token: dict[str, str] = {}
        while True:
            page = self._page(prefix, token)
            yield from _stored(bucket, page)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def objects_by_folder(
        self, bucket: str, folders: Iterable[str]
    ) -> Iterator[tuple[str, list[Stored]]]:
        """Yield each folder of a bucket with the objects below it.

        Folders end with a slash and come in the order of their keys, as do the answers. Those that
        lie close together share requests, a thousand objects each; what lies between distant ones
        is passed over, so that no list of folders costs more requests than it has members.
        """
        remaining = iter(folders)
        folder = next(remaining, None)
        found: list[Stored] = []
        after, size = folder, _KEYS_AT_FIRST
        while folder is not None and after is not None:
            page, more = self._page_after(bucket, after, size)
            wanted = 0
            for stored in page:
                key = split(stored.uri)[1]
                while folder is not None and not key.startswith(folder) and key > folder:
                    yield folder, found
                    folder, found = next(remaining, None), []
                if folder is None:
                    return
                if key.startswith(folder):
                    found.append(stored)
                    wanted += 1
                after = key
            if not more:
                break
            after = max(after, folder or after)
            size = _KEYS_A_REQUEST if 2 * wanted > size else _KEYS_AT_FIRST
        while folder is not None:
            yield folder, found
            folder, found = next(remaining, None), []

    def _page_after(self, bucket: str, key: str, size: int) -> tuple[list[Stored], bool]:
        """Return up to `size` objects whose keys follow `key`, and whether there are more."""
        answer = self._ask(
            f"s3://{bucket}/{key}",
            lambda: self._client.list_objects_v2(Bucket=bucket, StartAfter=key, MaxKeys=size),
        )
        return list(_stored(bucket, answer)), bool(answer.get("IsTruncated"))

    def folders(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the URIs of the folders right below `prefix`, which ends with a slash, in order.

        Args:
            after: Only those after the folder of this URI.
        """
        bucket, _ = split(prefix)
        token: dict[str, str] = {"Delimiter": "/"}
        if after:
            # Behind all that the folder holds, or servers would name it once more.
            token["StartAfter"] = f"{split(after)[1]}{_LAST_CHARACTER}"
        while True:
            page = self._page(prefix, token)
            for item in page.get("CommonPrefixes", ()):
                found = f"s3://{bucket}/{item['Prefix']}"
                if found > after:
                    yield found
            if not page.get("IsTruncated"):
                return
            token["ContinuationToken"] = page["NextContinuationToken"]

    def objects_in(self, folder: str) -> Iterator[Stored]:
        """Yield the objects right below `folder`, which ends with a slash, in key order."""
        bucket, _ = split(folder)
        token: dict[str, str] = {"Delimiter": "/"}
        while True:
            page = self._page(folder, token)
            yield from _stored(bucket, page)
            if not page.get("IsTruncated"):
                return
            token["ContinuationToken"] = page["NextContinuationToken"]

    def _page(self, prefix: str, token: dict[str, str]) -> Any:
        bucket, key = split(prefix)
        return self._ask(
            prefix,
            lambda: self._client.list_objects_v2(Bucket=bucket, Prefix=key, **token),
        )

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Remove up to 1,000 objects of a bucket; one that is not there is not an error."""
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = self._ask(
            f"s3://{bucket}/",
            lambda: self._client.delete_objects(Bucket=bucket, Delete=wanted),
        )
        for refused in answer.get("Errors", ()):
            raise TransientError(
                f"s3://{bucket}/{refused['Key']}: {self.endpoint} did not remove it "
                f"({refused['Code']}); check the bucket's policy"
            )

    def delete_all(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove any number of objects of a bucket, in as few requests as S3 takes."""
        for batch in batches(keys, _KEYS_A_REQUEST):
            self.delete(bucket, batch)

    def _ask(self, uri: str, request: Callable[[], T]) -> T:
        # boto3 tries a request again by itself, but not an answer that breaks off.
        return answered(
            request,
            attempts=self._attempts,
            passing=lambda error: isinstance(error, _BROKEN_OFF) or _is_damage(error),
            failures=(ClientError, BotoCoreError, Boto3Error, DamagedBytesError, ReplacedError),
            explain=lambda error: explained(error, uri, self.endpoint, self._attempts),
        )
