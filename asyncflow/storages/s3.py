"""Results in an S3 bucket, of Amazon or of any compatible server: the object's key is the task's id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})
_ABSENT = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})
_NO_BUCKET = "NoSuchBucket"
_SERVER_ERROR = 500
_SLOW_DOWN = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """Selinon's keys, and `timeout`, in seconds."""

    bucket: str
    location: str | None = None
    endpoint_url: str | None = None
    use_ssl: bool | str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    region_name: str | None = None
    serialize_json: bool | str = False
    timeout: float = 10.0


class S3(DataStorage):
    """The bucket is made where missing, in `location`.

    With `serialize_json` results are JSON; without it they are bytes or text, and are read back as bytes, as under
    Selinon. Credentials that are not given come from where boto3 looks: the environment, ~/.aws, the machine's role.
    """

    thread_safe: ClassVar[bool] = True

    def __init__(self, **settings: Any) -> None:
        self._settings = _Settings(**settings)
        self._use_ssl = _is_yes("use_ssl", self._settings.use_ssl, default=True)
        self._is_json = _is_yes("serialize_json", self._settings.serialize_json, default=False)
        self._client: Any = None

    def connect(self) -> None:
        given = self._settings
        session = boto3.session.Session(
            aws_access_key_id=given.aws_access_key_id,
            aws_secret_access_key=given.aws_secret_access_key,
            region_name=given.region_name,
        )
        waits = Config(
            signature_version="s3v4",
            connect_timeout=given.timeout,
            read_timeout=given.timeout,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        client = session.client("s3", config=waits, use_ssl=self._use_ssl, endpoint_url=given.endpoint_url)
        try:
            client.head_bucket(Bucket=given.bucket)
        except ClientError as exc:
            if not _is_absent(exc):
                raise _translated(exc) from exc
            self._make_bucket(client)
        self._client = client

    def is_connected(self) -> bool:
        return self._client is not None

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        body = self._call("get_object", task_id)["Body"]
        with body:
            blob = body.read()
        return json.loads(blob) if self._is_json else blob

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        blob = jsontext.dumps(result) if self._is_json else result
        if not isinstance(blob, bytes | bytearray | str):
            raise TypeError(f"S3 keeps bytes, not {type(result).__name__}: set `serialize_json: true` for JSON results")
        self._call("put_object", task_id, Body=blob.encode() if isinstance(blob, str) else blob)
        return task_id

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        self._call("head_object", task_id)  # deleting what is not there is no error to S3
        self._call("delete_object", task_id)

    def _call(self, method: str, key: str, **more: Any) -> Any:
        if self._client is None:
            raise ConnectionError("another thread has closed the connection")
        try:
            return getattr(self._client, method)(Bucket=self._settings.bucket, Key=key, **more)
        except ClientError as exc:
            if _is_absent(exc) and _code(exc) != _NO_BUCKET:
                raise FileNotFoundError(f"no record of {key}") from exc
            raise _translated(exc) from exc

    def _make_bucket(self, client: Any) -> None:
        place = self._settings.location
        # Amazon refuses to be told its default.
        where = {} if place in (None, "", "us-east-1") else {"LocationConstraint": place}
        try:
            client.create_bucket(
                Bucket=self._settings.bucket, **({"CreateBucketConfiguration": where} if where else {})
            )
        except ClientError as exc:
            if _code(exc) != "BucketAlreadyOwnedByYou":  # another process was quicker
                raise _translated(exc) from exc


def _is_absent(exc: ClientError) -> bool:
    return _code(exc) in _ABSENT


def _code(exc: ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


def _translated(exc: ClientError) -> Exception:
    """A server that fails, or asks for patience, is one to wait for; a bucket that is gone, connecting makes again."""
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passes = status >= _SERVER_ERROR or status == _SLOW_DOWN or _code(exc) == _NO_BUCKET
    return ConnectionError(str(exc)) if passes else exc


def _is_yes(key: str, value: bool | str | None, *, default: bool) -> bool:
    """Environment variables bring texts, and any text but the empty one is true to Python."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower()
    if said not in _YES | _NO:
        raise ValueError(f"`{key}` must be true or false, not {value!r}")
    return said in _YES
