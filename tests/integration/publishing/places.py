"""Where the server of the tests is, and who we are there."""

from dataclasses import dataclass

REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """A server that speaks like S3: its address, and the keys of a user who may do everything."""

    endpoint: str
    keys: dict[str, str]
