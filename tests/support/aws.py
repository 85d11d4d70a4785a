"""moto's server as a local AWS, and the settings that use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
ACCOUNT = "123456789012"  # moto's


@contextmanager
def local_aws() -> Iterator[str]:
    """Start an empty local AWS and return its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    import requests

    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
    try:
        yield url
    finally:
        server.stop()


def client(service: str, url: str, region: str = REGION) -> Any:
    """Return a boto3 client of one of its services."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def environment(url: str) -> dict[str, str]:
    """Return the environment in which commands use it."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": url,
        "MAGENTO_EVENTBRIDGE_OPTIONS__REGION": REGION,
        "MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE": "shop.example.com",
        "MAGENTO_EVENTBRIDGE_CREDENTIALS__TYPE": "env",
    }
