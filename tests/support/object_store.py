"""A real S3 server on the loopback address, filled by another road than fsspec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem


@contextmanager
def object_store(bucket: str) -> Iterator[Any]:
    """Give boto3's view of an empty bucket; the environment leads everyone to its server."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with mock.patch.dict(os.environ, variables):
            S3FileSystem.clear_instance_cache()  # one that is kept speaks to the server of another test
            reset = Request(f"http://{host}:{port}/moto-api/reset", method="POST")
            urlopen(reset).close()  # what earlier servers of this process held, this one holds too
            made = boto3.resource("s3").Bucket(bucket)
            made.create()
            yield made
            made.meta.client.close()
    finally:
        S3FileSystem.clear_instance_cache()
        server.stop()


def put_file(bucket: Any, path: Path, key: str) -> str:
    """Store a file; return its URL."""
    bucket.put_object(Key=key, Body=path.read_bytes())
    return f"s3://{bucket.name}/{key}"
