"""Talks XML-RPC to supervisord over its unix socket: asynchronous, without a thread.

Apart from what the calls mean, because the transport that supervisor brings has no time limit, blocks,
and stays broken after one failed connect.
"""

import asyncio
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError
from xmlrpc import client as xmlrpc

import aiohttp

from drafterd.domain.errors import RuntimeUnavailable

BAD_NAME: Final = 10
ALREADY_STARTED: Final = 60
NOT_RUNNING: Final = 70
ALREADY_ADDED: Final = 90
STILL_RUNNING: Final = 91
CANT_REREAD: Final = 92
SPAWN_ERROR: Final = 50
UNKNOWN_METHOD: Final = 1
_SHUTDOWN_STATE: Final = 6

_LARGEST_ANSWER = 16_000_000
_IN_FLIGHT = 8
_URL = "http://localhost/RPC2"
_HINT = "is supervisord running? See supervisord.log"


class Fault(Exception):
    """Supervisord answered that it will not: `code` is one of the numbers of its documentation."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text


class SupervisorClient:
    """Calls of one supervisord. Each call has a connection of its own: a failed one spoils no other, none is left open.

    Args:
        socket: Its unix socket.
        timeout: Seconds for one whole call.
    """

    def __init__(self, socket: Path, *, timeout: float = 10.0) -> None:
        self._socket = socket
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def call(self, method: str, *params: str | int | bool) -> Any:
        """The result of one call, e.g. `supervisor.getPID`.

        Raises:
            Fault: Supervisord refused.
            RuntimeUnavailable: It does not answer, not in time, not sensibly, or is shutting down.
        """
        request = xmlrpc.dumps(params, method).encode()
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._post(request)
            return xmlrpc.loads(body)[0][0]
        except xmlrpc.Fault as fault:
            if fault.faultCode == _SHUTDOWN_STATE:
                raise RuntimeUnavailable("supervisord is shutting down", hint=_HINT) from None
            raise Fault(int(fault.faultCode), str(fault.faultString)) from None
        except TimeoutError as error:
            raise RuntimeUnavailable(f"supervisord did not answer within {self._timeout:g} s", hint=_HINT) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RuntimeUnavailable(f"supervisord does not answer: {error}", hint=_HINT) from error
        except (xmlrpc.Error, ExpatError, ValueError, LookupError) as error:
            raise RuntimeUnavailable(f"supervisord's answer cannot be read: {error}", hint=_HINT) from error

    async def _post(self, request: bytes) -> bytes:
        connector = aiohttp.UnixConnector(str(self._socket), force_close=True)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Content-Type": "text/xml"}
        async with self._slots, session, session.post(_URL, data=request, headers=headers) as response:
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise ValueError(f"more than {_LARGEST_ANSWER} bytes")
            return bytes(body)
