"""Runs inside supervisord: takes the values of its secrets out of what a program prints, before that is written.

A draft that prints its environment would leave it in its log, and in every back-up of that. Loaded by the
plug-in, and bound by the same rules: it never blocks, and nothing of it may reach supervisord.
"""

import json
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from supervisor import dispatchers, events

from drafterd import files
from drafterd.domain.masking import Mask, secrets

_LAUNCHER = "launch.py"
_LARGEST = 4_000_000
_CHARACTERS = 32_768
"""Of all values together, the shortest first: what is looked for beyond is masked when it is read."""
_PATIENCE = 0.25
"""Seconds of processor time for one piece: ordinary ones of 128 KB take a hundredth."""
_LEFT_OUT = b"\n[drafterd: what follows is left out, as it is made so that masking it takes too long]\n"


class MaskedOutput:
    """Masks one output of one program as it comes, however it is cut.

    What may be the beginning of a value waits until more comes, or until `end`. A draft that knows its
    values can print what takes long to look through, and would hold up all others: its output ends there.

    Args:
        write: Takes what may be written.
        patience: Seconds of processor time that one piece may take.
    """

    def __init__(self, mask: Mask, write: Callable[[bytes], None], patience: float = _PATIENCE) -> None:
        self._mask = mask
        self._write = write
        self._patience = patience
        self._waiting = b""
        self._left_out = False

    def take(self, data: bytes) -> None:
        """More was printed."""
        if self._left_out:
            return
        begun = time.thread_time()
        data = self._waiting + data
        whole = self._mask.whole(data)
        self._waiting = data[whole:]
        self._pass_on(data[:whole])
        if time.thread_time() - begun > self._patience:
            self.end()
            self._left_out = True
            self._write(_LEFT_OUT)

    def end(self) -> None:
        """Nothing more will be."""
        data, self._waiting = self._waiting, b""
        self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._write(self._mask.named(data))


class _MaskedDispatcher(dispatchers.POutputDispatcher):  # type: ignore[misc]
    """supervisord's own, with a mask before all that it writes and tells."""

    def __init__(self, process: Any, event_type: Any, fd: int) -> None:
        super().__init__(process, event_type, fd)
        self._output = MaskedOutput(_mask_of(process.config), super()._log)

    def _log(self, data: bytes) -> None:
        self._output.take(data)

    def end(self) -> None:
        """Write what still waits."""
        self._output.end()


def mask_outputs() -> None:
    """From now on mask what every program prints that our launcher starts."""
    dispatchers.POutputDispatcher = _MaskedDispatcher
    for over in (events.ProcessStateExitedEvent, events.ProcessStateStoppedEvent, events.ProcessStateBackoffEvent):
        events.subscribe(over, _ended)


def _ended(event: Any) -> None:
    """A process keeps its dispatchers until everybody was told of its end."""
    for each in event.process.dispatchers.values():
        if isinstance(each, _MaskedDispatcher):
            each.end()


def _mask_of(config: Any) -> Mask:
    """For one program; one that finds nothing for those that are not ours, or have nothing to hide."""
    *_, launcher, spec = ("", "", *shlex.split(config.command))
    if Path(launcher).name != _LAUNCHER:
        return Mask({})
    try:
        content = json.loads(files.read_regular(Path(spec), limit=_LARGEST))
        return Mask(_bounded(secrets({str(name): str(value) for name, value in content["environment"].items()})))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The launcher will not start it either, and says why.
        config.options.logger.warn(f"what {config.name} prints is not masked: {error!r}")  # noqa: G004, G010 - not ours
        return Mask({})


def _bounded(values: Mapping[str, str]) -> dict[str, str]:
    """Those that are looked for here."""
    found, left = {}, _CHARACTERS
    for name, value in sorted(values.items(), key=lambda item: len(item[1])):
        left -= len(value)
        if left < 0:
            break
        found[name] = value
    return found
