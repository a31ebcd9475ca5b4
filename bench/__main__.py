"""Finds the measurement that was asked for and runs it."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping

BENCHES: Mapping[str, str] = {
    "first-drop": "bench.first_drop",
    "routes": "bench.routes",
    "idle": "bench.idle",
}
"""Each module has `main(json: bool) -> int`; the first line of its docstring says what it measures."""

USAGE = "usage: python -m bench NAME [--json]"


def main(arguments: list[str]) -> int:
    """Run the named measurement; without a name, list them."""
    names = [argument for argument in arguments if argument != "--json"]
    if not names:
        print(USAGE)
        for name in available():
            print(f"  {name:12} {summary(name)}")
        return 0
    if len(names) > 1 or names[0] not in available():
        print(f"{USAGE}\nthere is no {' '.join(names)!r}; there are: {', '.join(available())}", file=sys.stderr)
        return 2
    measure = importlib.import_module(BENCHES[names[0]]).main
    return int(measure(json="--json" in arguments))


def available() -> list[str]:
    """The names of those that are there."""
    return [name for name, module in BENCHES.items() if importlib.util.find_spec(module)]


def summary(name: str) -> str:
    """One line about a measurement."""
    return (importlib.import_module(BENCHES[name]).__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
