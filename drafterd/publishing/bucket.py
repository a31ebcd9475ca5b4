"""Publishes into a bucket of S3 or of what speaks like it.

Needs the extra `s3`. Who we are is what boto3 finds: the environment, `~/.aws`, the machine's role.
Nothing of it is ever printed.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from drafterd.domain.media import cache_control, content_type
from drafterd.publishing.record import Record, owned, parse
from drafterd.publishing.site import MARKER, Outcome, PublishFailed, Site, is_page

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which bucket; `prefix` is "" or ends with a slash."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        """As it is told to people."""
        return f"s3://{self.bucket}/{self.prefix}"


def place_of(url: str) -> Place:
    """The place that `s3://bucket/prefix` names. Raises `PublishFailed`."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    steps = prefix.split("/") if prefix else []
    odd = "@" in parts.netloc or parts.query or parts.fragment or any(step in {"", ".", ".."} for step in steps)
    if parts.scheme != "s3" or not parts.netloc or odd:
        raise PublishFailed(f"{url!a} names no bucket", hint="write s3://BUCKET or s3://BUCKET/PREFIX")
    return Place(bucket=parts.netloc, prefix=f"{prefix}/" if prefix else "")


def publish(site: Site, place: Place, *, endpoint: str | None = None, dry: bool = False) -> Outcome:
    """Make the place hold the site's files and no others; `dry`: only say what would be done.

    Args:
        endpoint: Where something other than Amazon's S3 listens.

    Raises:
        PublishFailed: The place holds what is not this draft's, or cannot be written.
    """
    with _told(place):
        return _Publication(site, place, _client(endpoint)).run(dry=dry)


def _client(endpoint: str | None) -> Any:
    if endpoint is not None and not re.fullmatch(r"https?://[^/@\s]+/?", endpoint):
        raise PublishFailed("--endpoint names no server", hint="write https://HOST or http://HOST:PORT")
    try:
        import boto3  # late: half a second, and an extra
        from botocore.config import Config
    except ImportError as error:
        raise PublishFailed(
            "publishing to a bucket needs boto3", hint="install drafterd with the extra: pip install 'drafterd[s3]'"
        ) from error
    # The newer checksums are unknown to many servers that only speak like S3.
    needed = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    config = Config(retries={"mode": "standard", "max_attempts": 4}, max_pool_connections=_AT_ONCE, **needed)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    # What is not Amazon's has no regions, but a signature needs one.
    named = {"region_name": "us-east-1"} if endpoint and not region else {}
    return boto3.session.Session().client("s3", endpoint_url=endpoint, config=config, **named)


class _Publication:
    """One publication under way."""

    def __init__(self, site: Site, place: Place, client: Any) -> None:
        self._site = site
        self._place = place
        self._client = client

    def run(self, *, dry: bool) -> Outcome:
        """Bring the place up to date."""
        there = dict(self._listed())
        marker = there.pop(MARKER, None)
        before = owned(
            self._record() if marker is not None else None, self._site.draft, str(self._place), empty=not there
        )
        digests = {name: self._site.digest(name) for name in self._site.names}
        due = [name for name in self._site.names if before.files.get(name) != digests[name] or name not in there]
        gone = sorted((before.files.keys() & there.keys()) - digests.keys())
        outcome = Outcome(written=due, same=len(digests) - len(due), deleted=gone)
        if dry:
            return outcome
        # Named before they are written: a publication that is cut off leaves nothing that nobody owns.
        self._keep({**before.files, **dict.fromkeys(due, "")})
        # One after the other, or a page might be there before what it names.
        for pages in (False, True):
            self._all(self._upload, [name for name in due if is_page(name) is pages])
        self._all(self._delete, gone)
        self._keep(digests)
        return outcome

    def _listed(self) -> Iterator[tuple[str, int]]:
        """Every object at the place: its name there, and its size."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._place.bucket, Prefix=self._place.prefix
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(self._place.prefix), entry["Size"]

    def _record(self) -> Record:
        answer = self._client.get_object(Bucket=self._place.bucket, Key=self._key(MARKER))
        return parse(answer["Body"].read(), f"{self._place}{MARKER}")

    def _keep(self, files: dict[str, str]) -> None:
        record = Record(draft=self._site.draft, release=self._site.release, files=files)
        self._client.put_object(
            Bucket=self._place.bucket,
            Key=self._key(MARKER),
            Body=record.text(),
            ContentType="application/json",
            CacheControl="no-store",
        )

    def _upload(self, name: str) -> None:
        told = {"ContentType": content_type(name), "CacheControl": cache_control(name)}
        with os.fdopen(self._site.open(name), "rb") as file:
            self._client.upload_fileobj(file, self._place.bucket, self._key(name), ExtraArgs=told)

    def _delete(self, name: str) -> None:
        # One by one: of a list of them some servers want an MD5, which boto3 gives no more, and others know none.
        self._client.delete_object(Bucket=self._place.bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._place.prefix}{name}"

    @staticmethod
    def _all(work: Callable[[str], None], names: list[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(work, names):
                pass


@contextmanager
def _told(place: Place) -> Iterator[None]:
    """Errors of the service in words of ours: its code, never what we signed with."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        yield  # told by who needs it
        return
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise PublishFailed(f"{place}: the service answered {code}", hint=_HINTS.get(code, "")) from error
    except (BotoCoreError, Boto3Error) as error:
        raise PublishFailed(f"{place}: {type(error).__name__}", hint=_HINTS.get(type(error).__name__, "")) from error
    except OSError as error:
        raise PublishFailed(f"{error.filename or place}: {error.strerror or error}") from error


_HINTS = {
    "NoSuchBucket": "make the bucket first",
    "AccessDenied": "these credentials may not list, read, write and delete there",
    "InvalidAccessKeyId": "the service does not know these credentials",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "EndpointConnectionError": "nothing answers at --endpoint",
    "NoRegionError": "set AWS_REGION",
}
