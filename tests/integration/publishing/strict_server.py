"""A server that speaks like S3 and takes nothing on trust: who asks, what was signed, and each body's digest.

Moto keeps the objects, and checks signatures and rights as soon as there is a user; this is wrapped around it for
the digests, which it does not look at. Like some that speak like S3 it takes no list of deletions without an MD5.
`python -m tests.integration.publishing.strict_server PORT` prints its user's keys as JSON once it answers.
"""

import base64
import hashlib
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from werkzeug.serving import make_server

from tests.integration.publishing.places import REGION

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_MAKES_THE_USER = 3
"""So many calls need no signature."""
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def wrong_with(environ: dict[str, Any], body: bytes) -> str:
    """The code of the error that is answered, or "": the body is what was signed."""
    query, md5 = environ["QUERY_STRING"], environ.get("HTTP_CONTENT_MD5", "")
    if "HTTP_AUTHORIZATION" not in environ:
        return "AccessDenied"
    if environ.get("HTTP_X_AMZ_CONTENT_SHA256") != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    if md5 and md5 != base64.b64encode(hashlib.md5(body).digest()).decode():
        return "BadDigest"
    return "MissingContentMD5" if query.rstrip("=") == "delete" and not md5 else ""


def strict(app: App) -> App:
    """The application, for bodies that are what was signed."""

    def checked(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if code := wrong_with(environ, body):
            start("400 Bad Request", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()]
        return app({**environ, "wsgi.input": io.BytesIO(body)}, start)

    return checked


def a_user(endpoint: str) -> dict[str, str]:
    """The keys of one who may do everything."""
    nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
    client = boto3.client("iam", endpoint_url=endpoint, region_name=REGION, **nobody)
    client.create_user(UserName="publisher")
    client.put_user_policy(UserName="publisher", PolicyName="all", PolicyDocument=json.dumps(_ALL))
    key = client.create_access_key(UserName="publisher")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def main(port: int) -> None:
    """Serve until killed."""
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(_MAKES_THE_USER)  # read when moto is imported
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    server = make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = a_user(f"http://127.0.0.1:{port}")
    server.app = strict(server.app)
    sys.stdout.write(f"{json.dumps(keys)}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
