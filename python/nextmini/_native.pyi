"""The dataplane, in Rust."""

__all__ = [
    "DataplaneError",
    "bench_direct",
    "bench_relay_chain",
    "message_names",
    "roundtrip",
    "run_dataplane",
    "version",
]

class DataplaneError(RuntimeError):
    """The dataplane could not start, or had to end; the message says why."""

def version() -> str:
    """The version of this module."""

def run_dataplane(
    controller: str, token: str, process: int, listen: str, workers: int, exit_with_parent: bool
) -> None:
    """Run a dataplane process to its end.

    `workers` is the number of threads, 0 for one a core; `listen` is `address:port` for links from other
    processes; with `exit_with_parent` it ends when standard input does. Raises DataplaneError.
    """

def message_names() -> list[str]:
    """Names of all control messages."""

def roundtrip(message: bytes) -> bytes:
    """A control message, read into the Rust types and written again. Raises ValueError."""

def bench_direct(seconds: float) -> float:
    """Gbit/s of one TCP connection over loopback, measured for `seconds`. Raises DataplaneError."""

def bench_relay_chain(relays: int, seconds: float) -> float:
    """Gbit/s through `relays` threads that copy between loopback TCP connections. Raises DataplaneError."""
