"""What throughput is compared with: bare TCP over loopback, with nothing of Nextmini's forwarding.

The module is also a program, `python -m nextmini.bench.baseline RELAYS SECONDS copy|splice`, so that a
measurement has a process of its own, as ours has, and can be ended at any moment.
"""

from __future__ import annotations

import asyncio
import sys

from nextmini.bench.helpers import program
from nextmini.errors import PrerequisiteError, RunError

PROGRAM = program("nextmini.bench.baseline")


async def relay_chain(relays: int, seconds: float, *, splice: bool = False) -> float:
    """Gbit/s through a chain of blocking threads that copy, or splice, from one TCP connection to the next.

    No relays are one direct connection. Raises RunError. Cancelling it ends the measurement.
    """
    child = await asyncio.create_subprocess_exec(
        *PROGRAM,
        str(relays),
        str(seconds),
        "splice" if splice else "copy",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RunError(f"the baseline of {relays} relays failed: {''.join(last) or 'it said nothing'}")
    return float(output)


def main(arguments: list[str]) -> None:
    """Measures once and prints Gbit/s."""
    try:
        from nextmini import _native
    except ImportError as error:
        raise PrerequisiteError(f"the native module is missing: {error}", "install Nextmini again") from error
    relays, seconds, how = int(arguments[0]), float(arguments[1]), arguments[2]
    rate = _native.bench_relay_chain(relays, seconds, how == "splice")
    sys.stdout.write(f"{rate!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
