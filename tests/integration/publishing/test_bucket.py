"""Publishing into a bucket of a real server that speaks like S3."""

import asyncio

import pytest

from drafterd.publishing import bucket
from drafterd.publishing.bucket import place_of
from drafterd.publishing.site import MARKER, PublishFailed
from tests.unit.publishing.sites import ONE, TWO, a_site

PLACE = place_of("s3://pages/shop")


def held(service, prefix=""):
    entries = service.list_objects_v2(Bucket="pages", Prefix=prefix).get("Contents", [])
    keys = [entry["Key"] for entry in entries if not entry["Key"].endswith(MARKER)]
    return {
        key.removeprefix(prefix): service.get_object(Bucket="pages", Key=key)["Body"].read().decode() for key in keys
    }


async def publish(site, endpoint, place=PLACE, **options):
    return await asyncio.to_thread(bucket.publish, site, place, endpoint=endpoint, **options)


async def test_the_bucket_holds_the_files_and_then_those_of_the_next_release(tmp_path, endpoint, service):
    service.put_object(Bucket="pages", Key="shopping/own.txt", Body=b"mine")
    done = await publish(a_site(tmp_path / "1", ONE), endpoint)
    assert held(service, "shop/") == ONE
    assert (sorted(done.written), done.same, done.deleted) == (sorted(ONE), 0, [])
    done = await publish(a_site(tmp_path / "2", TWO, release="r2"), endpoint, dry=True)
    assert held(service, "shop/") == ONE
    done = await publish(a_site(tmp_path / "2", TWO, release="r2"), endpoint)
    assert held(service, "shop/") == TWO
    assert (done.written, done.same, done.deleted) == (
        ["_next/static/b2.js", "app.js", "index.html"],
        1,
        ["_next/static/a1.js"],
    )
    again = await publish(a_site(tmp_path / "2", {}, release="r2"), endpoint)
    assert (again.written, again.deleted) == ([], [])
    service.delete_object(Bucket="pages", Key="shop/app.js")
    await publish(a_site(tmp_path / "2", {}, release="r2"), endpoint)
    assert held(service, "shop/") == TWO
    assert held(service, "shopping/") == {"own.txt": "mine"}

    page = service.get_object(Bucket="pages", Key="shop/index.html")
    assert (page["ContentType"], page["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")
    kept = service.head_object(Bucket="pages", Key="shop/_next/static/b2.js")
    assert kept["CacheControl"] == "public, max-age=31536000, immutable"
    assert kept["ContentType"] == "text/javascript; charset=utf-8"


async def test_a_large_file_goes_in_parts(tmp_path, endpoint, service):
    site = a_site(tmp_path / "1", {"index.html": "", "film.mp4": "x" * 9_000_000})
    await publish(site, endpoint)
    kept = service.head_object(Bucket="pages", Key="shop/film.mp4")
    assert (kept["ContentLength"], kept["ContentType"]) == (9_000_000, "video/mp4")
    assert (await publish(site, endpoint)).written == []


async def test_what_is_not_this_drafts_is_left_alone(tmp_path, endpoint, service):
    service.put_object(Bucket="pages", Key="shop/index.html", Body=b"mine")
    site = a_site(tmp_path / "1", ONE)
    with pytest.raises(PublishFailed, match="did not put there"):
        await publish(site, endpoint)
    assert held(service) == {"shop/index.html": "mine"}
    await publish(site, endpoint, place_of("s3://pages/other"))
    with pytest.raises(PublishFailed, match="holds the draft hello"):
        await publish(a_site(tmp_path / "2", TWO, draft="two"), endpoint, place_of("s3://pages/other"))
    assert held(service, "other/") == ONE


async def test_a_cut_off_publication_is_put_right(tmp_path, endpoint, service, monkeypatch):
    await publish(a_site(tmp_path / "1", ONE), endpoint)
    two = a_site(tmp_path / "2", TWO, release="r2")

    def cut(*_):
        raise PublishFailed("cut off")

    for name in ("_upload", "_delete"):
        with monkeypatch.context() as here:
            here.setattr(bucket._Publication, name, cut)
            with pytest.raises(PublishFailed, match="cut off"):
                await publish(two, endpoint)
    await publish(two, endpoint)
    assert held(service, "shop/") == TWO


async def test_at_the_top_of_a_bucket(tmp_path, endpoint, service):
    await publish(a_site(tmp_path / "1", ONE), endpoint, place_of("s3://pages"))
    assert held(service) == ONE


async def test_what_cannot_be_done_is_said_without_secrets(tmp_path, store, endpoint, service, monkeypatch):
    site = a_site(tmp_path / "1", ONE)
    with pytest.raises(PublishFailed, match="NoSuchBucket") as refused:
        await publish(site, endpoint, place_of("s3://nowhere/shop"))
    assert refused.value.hint == "make the bucket first"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PublishFailed, match="EndpointConnectionError") as unreachable:
        await publish(site, "http://127.0.0.1:1")
    with monkeypatch.context() as here:
        here.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
        with pytest.raises(PublishFailed, match="SignatureDoesNotMatch") as wrong:
            await publish(site, endpoint)
    assert wrong.value.hint == "the secret key is wrong"
    with monkeypatch.context() as here:
        here.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
        with pytest.raises(PublishFailed, match="InvalidAccessKeyId") as unknown:
            await publish(site, endpoint)
    for error in (refused, unreachable, wrong, unknown):
        secrets = (*store.keys.values(), "another-secret", "AKIANOBODY")
        assert not any(value in f"{error.value} {error.value.hint}" for value in secrets)
    for name in store.keys:
        monkeypatch.delenv(name)
    with pytest.raises(PublishFailed, match="NoCredentialsError"):
        await publish(site, endpoint)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///x", "s3://k:s@b/x", "s3://b/a/../b", "s3://b/a//b", "s3://b/x?y", "b/x"]
)
def test_what_names_no_bucket(url):
    with pytest.raises(PublishFailed, match="names no bucket"):
        place_of(url)


def test_a_password_in_the_endpoint_is_refused(tmp_path):
    with pytest.raises(PublishFailed) as refused:
        bucket.publish(a_site(tmp_path / "1", ONE), PLACE, endpoint="http://key:secret@127.0.0.1:1")
    assert "secret" not in str(refused.value)
