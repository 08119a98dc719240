"""What throughput is compared with, with nothing of Nextmini's forwarding: bare TCP and bare QUIC over
loopback, and the two ends of a user-space TCP with nothing between them.

The module is also a program, so that a measurement has a process of its own, as ours has, and can be ended at
any moment: `python -m nextmini.bench.baseline relays RELAYS SECONDS copy|splice`,
`python -m nextmini.bench.baseline stack MTU WINDOW SECONDS`, or
`python -m nextmini.bench.baseline quic RELAYS SECONDS`.
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
    how = "splice" if splice else "copy"
    return await _measured(f"{relays} relays", "relays", str(relays), str(seconds), how)


async def stack_loopback(mtu: int, window: int, seconds: float) -> float:
    """Gbit/s between the two ends of a TCP flow that hand their packets to each other.

    Packets have up to `mtu` bytes, and the buffers of both ends `window`. Raises RunError. Cancelling it ends
    the measurement.
    """
    return await _measured("a bare TCP stack", "stack", str(mtu), str(window), str(seconds))


async def quic_chain(relays: int, seconds: float) -> float:
    """Gbit/s through a chain of relays that copy from one QUIC connection to the next, all set as links are.

    No relays are one connection. Raises RunError. Cancelling it ends the measurement.
    """
    return await _measured(f"{relays} QUIC relays", "quic", str(relays), str(seconds))


async def _measured(what: str, *arguments: str) -> float:
    """The figure that this program prints. Raises RunError."""
    child = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
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
        raise RunError(f"the baseline of {what} failed: {''.join(last) or 'it said nothing'}")
    return float(output)


def main(arguments: list[str]) -> None:
    """Measures once and prints Gbit/s."""
    try:
        from nextmini import _native
    except ImportError as error:
        raise PrerequisiteError(f"the native module is missing: {error}", "install Nextmini again") from error
    what, *rest = arguments
    if what == "stack":
        rate = _native.bench_stack_loopback(int(rest[0]), int(rest[1]), float(rest[2]))
    elif what == "quic":
        rate = _native.bench_quic_chain(int(rest[0]), float(rest[1]))
    else:
        rate = _native.bench_relay_chain(int(rest[0]), float(rest[1]), rest[2] == "splice")
    sys.stdout.write(f"{rate!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
