"""Certificates that Traefik gets by itself, from a real authority on the loopback that looks before it signs."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from cryptography import x509

from drafterd.domain.model import AddressKind
from drafterd.domain.routing import Target
from drafterd.route import certificate
from drafterd.route.tls import Tls
from tests.builders import eventually
from tests.integration.route.conftest import World, echoing, free_address, opened, serving

PUBLIC = "drafts.example.org"


@asynccontextmanager
async def running(log: Path, *argv: str) -> AsyncIterator[None]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*argv, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def with_authority(folder: Path, *, suffix: str) -> AsyncIterator[World]:
    """A Traefik that asks Pebble, which finds every name on the loopback and looks at it over plain HTTP."""
    own, log = folder / "authority.pem", folder / "authority.log"
    certificate.ensure(own, host="localhost")
    api, management, names, plain = free_address(), free_address(), free_address(), free_address()
    settings = {
        "listenAddress": str(api),
        "managementListenAddress": str(management),
        "certificate": str(own),
        "privateKey": str(own),
        "httpPort": plain.port,
        "tlsPort": free_address().port,
    }
    (folder / "authority.json").write_text(json.dumps({"pebble": settings}))
    resolver = ("pebble-challtestsrv", "-defaultIPv6", "", "-dns01", str(names), "-management", str(free_address()))
    nothing = ("-http01", "", "-https01", "", "-tlsalpn01", "")
    pebble = (
        "env",
        "PEBBLE_VA_NOSLEEP=1",
        "PEBBLE_WFE_NONCEREJECT=0",
        "pebble",
        "-config",
        str(folder / "authority.json"),
    )
    async with (
        running(log, *resolver, *nothing),
        running(log, *pebble, "-dnsserver", str(names)),
        aiohttp.ClientSession() as client,
    ):

        async def answers() -> bool:
            try:
                async with client.get(f"https://{api}/dir", ssl=False) as response:
                    return response.ok
            except aiohttp.ClientError:
                return False

        await eventually(answers)
        acme = Tls(email="me@example.org", server=f"https://localhost:{api.port}/dir", plain=plain)
        trusted = {"LEGO_CA_CERTIFICATES": str(own)}
        async with opened(folder, acme=acme, environ=trusted, public_host=PUBLIC, host_suffix=suffix) as world:
            yield world


def asked_for(world: World) -> set[str]:
    """Every name that the authority was asked to look at."""
    return set(re.findall(r'Identifier\{Type:"dns", Value:"([^"]+)"\}', (world.folder / "authority.log").read_text()))


async def shown(world: World, host: str) -> str:
    """Whom a visitor of a host meets, by the certificate."""
    found = await world.certificate(host)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    issuer = found.issuer.rfc4514_string()
    return ",".join(names.get_values_for_type(x509.DNSName)) if "Pebble" in issuer else ""


async def certified(folder: Path, suffix: str) -> None:
    """Publish drafts of all kinds and see who gets a certificate."""
    # Made while Traefik spoke no https yet, for what is wanted now.
    certificate.ensure(folder / "routes" / "certificate" / "default.pem", host=suffix)
    async with with_authority(folder, suffix=suffix) as world, serving(echoing("one")) as one:
        await world.publish(
            page=Target(address=one),
            shop=Target(address=one, kind=AddressKind.HOST),
            site=Target(address=None, kind=AddressKind.HOST),
        )
        wanted = [PUBLIC, f"shop.{suffix}", f"site.{suffix}"]

        async def all_have() -> bool:
            return [await shown(world, host) for host in wanted] == wanted

        await eventually(all_have, within=60)
        assert asked_for(world) == set(wanted)
        assert await shown(world, f"nobody.{suffix}") == ""
        assert (await world.seen("/x", host=wanted[1]))["headers"]["x-forwarded-proto"] == "https"
        assert (await world.seen("/api/draft/page", host=PUBLIC))["by"] == "one"


async def test_the_public_host_and_hosts_of_drafts_get_certificates_and_nothing_else_does(tmp_path: Path) -> None:
    """Also where drafts' hosts lie below the public one. Traefik pauses for some 15 s: both at once."""
    async with asyncio.TaskGroup() as both:
        both.create_task(certified(tmp_path / "below", PUBLIC))
        both.create_task(certified(tmp_path / "beside", "previews.example.net"))
