"""Finds the measurement that was asked for and runs it."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping

BENCHES: Mapping[str, str] = {
    "first-drop": "bench.first_drop",
    "builds": "bench.builds",
    "burst": "bench.burst",
    "routes": "bench.routes",
    "switch": "bench.switch",
    "idle": "bench.idle",
    "fix": "bench.fix",
    "corpus": "bench.corpus",
}
"""Each module has `main(json: bool) -> int`; the first line of its docstring says what it measures.

One that names its `OPTIONS` takes them as `arguments: list[str]`.
"""

USAGE = "usage: python -m bench NAME [--json]"


def main(arguments: list[str]) -> int:
    """Run the named measurement; without a name, list them."""
    name, *more = [argument for argument in arguments if argument != "--json"] or [""]
    if not name:
        print(USAGE)
        for known in available():
            print(f"  {known:12} {summary(known)}")
        return 0
    if name not in available():
        print(f"{USAGE}\nthere is no {name!r}; there are: {', '.join(available())}", file=sys.stderr)
        return 2
    module = importlib.import_module(BENCHES[name])
    json = "--json" in arguments
    if hasattr(module, "OPTIONS"):
        return int(module.main(json=json, arguments=more))
    if more:
        print(f"{USAGE}\n{name} takes nothing more, but was given {' '.join(more)!r}", file=sys.stderr)
        return 2
    return int(module.main(json=json))


def available() -> list[str]:
    """The names of those that are there."""
    return [name for name, module in BENCHES.items() if importlib.util.find_spec(module)]


def summary(name: str) -> str:
    """One line about a measurement."""
    module = importlib.import_module(BENCHES[name])
    first = (module.__doc__ or "").partition("\n")[0]
    options = getattr(module, "OPTIONS", "")
    return f"{first} {options}" if options else first


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
