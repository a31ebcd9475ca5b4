"""What one command reaches, as a word on the program's command line. Pure; nothing of it is secret."""

import json
from dataclasses import asdict, dataclass

SUBNET = "198.18.255.0/24"
"""Where the interface inside lies: of a range that no network of people uses."""

HALVES = ("198.18.255.0/25", "198.18.255.128/25")
"""The same as two networks: closed in this way, the interface's own route stays and leads nowhere."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place outside that is reached inside under an address of its own.

    Attributes:
        listen: The address inside, numeric.
        target: The address outside, numeric.
        datagrams: Whether questions and answers go through (UDP), or streams (TCP).
    """

    listen: str
    listen_port: int
    target: str
    target_port: int
    datagrams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One command's network.

    Attributes:
        user_namespace: Whether one has to be made first: we are not root.
        program: `slirp4netns`, absolute; empty: there is no way out but the holes.
        closed: Networks that are not reached, such as `10.0.0.0/8`.
    """

    user_namespace: bool
    program: str = ""
    closed: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()


def to_word(plan: Plan) -> str:
    """The plan as JSON on one line."""
    return json.dumps(asdict(plan), separators=(",", ":"))


def of_word(word: str) -> Plan:
    """The plan again. Raises `ValueError`, `KeyError` or `TypeError` for any other word."""
    facts = json.loads(word)
    holes = tuple(Hole(**hole) for hole in facts.pop("holes"))
    return Plan(closed=tuple(facts.pop("closed")), holes=holes, **facts)
