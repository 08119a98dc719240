"""The dataplane, in Rust."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import final

__all__ = [
    "DataplaneError",
    "Trees",
    "bench_between",
    "bench_quic_chain",
    "bench_relay_chain",
    "bench_relay_tuns",
    "bench_stack_loopback",
    "create_bare_namespace",
    "create_namespaces",
    "enter_namespace",
    "enter_network",
    "message_names",
    "remove_namespaces",
    "roundtrip",
    "run_dataplane",
    "version",
]

class DataplaneError(RuntimeError):
    """The dataplane could not start, or had to end; the message says why."""

def version() -> str:
    """The version of this module."""

def run_dataplane(
    controller: str,
    token: str,
    process: int | str,
    listen: str | None,
    workers: int,
    captures: PathLike[str] | str | None,
    exit_with_parent: bool,
    namespace: PathLike[str] | str | None = None,
    tls_fingerprint: str | None = None,
    tls_ca: PathLike[str] | str | None = None,
    ports: tuple[int, int] | None = None,
    public: str | None = None,
    batching: bool = True,
) -> None:
    """Run a dataplane process to its end.

    `workers` is the number of threads, 0 for one a core; `listen` is `address:port` for links from other
    processes, `captures` where the socket at which captures are asked for is made; with `exit_with_parent` it
    ends when standard input does. `namespace` is the network namespace of its links; the controller is
    reached from where it was started. A controller at wss:// shows the certificate with the SHA-256
    `tls_fingerprint`, or one that an authority in the PEM file `tls_ca` has signed.
    `process` is its index, or the name of a site of which the controller makes it one: links then arrive at
    the first of the `ports` that is free, both ends included, and from other sites at the address `public`.
    Without `batching`, links and lossless flows move one packet at a time, to be compared with.
    Raises DataplaneError.
    """

def create_namespaces(
    wanted: Sequence[tuple[str, str, str, str | None, tuple[int, int], int, int]], threads: int
) -> None:
    """Make network namespaces, each with a persistent TUN device that is up.

    Of each: its name, its device's name, IPv4 address, IPv6 address, the lengths of their prefixes, the MTU
    and the number of queues. All or none. Raises FileExistsError (a name is taken), FileNotFoundError (no
    /dev/net/tun), PermissionError, OSError.
    """

def create_bare_namespace(name: str) -> None:
    """Make a network namespace with a loopback device only. Raises as `create_namespaces`."""

def remove_namespaces(names: Sequence[str]) -> None:
    """Remove those of these network namespaces that are there. Raises OSError."""

def enter_namespace(namespace: PathLike[str], files: Sequence[tuple[PathLike[str], PathLike[str]]]) -> None:
    """Move the calling thread, for good, to where a command of a node runs.

    That is the network namespace with this path, and a mount namespace with its own /sys and, of `files`,
    each first one in the place of the second. Raises OSError.
    """

def enter_network(namespace: PathLike[str]) -> None:
    """Move the calling thread into the network namespace with this path, for good. Raises OSError."""

@final
class Trees:
    """The shortest-path trees of a network, one for each destination; safe to use from any thread.

    `links` are (node, other node, cost, largest chunks from the first to the other, and back), usable both
    ways; those to unknown nodes and of a cost that is not above 0 are left out. Equal trees are equal. Raises
    ValueError for more than a million nodes.
    """

    def __new__(cls, nodes: Sequence[int], links: Sequence[tuple[int, int, float, int, int]]) -> Trees: ...
    def nodes(self) -> bytes:
        """The ids of all nodes in ascending order, 4 bytes each."""

    def chunks(self) -> list[int]:
        """The largest chunks that ways may have, in ascending order."""

    def row(self, node: int) -> bytes | None:
        """What a node has to know, 4 bytes for each destination; None for an unknown one."""

    def path(self, source: int, destination: int) -> list[int] | None:
        """The nodes of the way from one to another; None if there is none, or they are the same."""

    def longest(self, seconds: Sequence[tuple[int, int, float]]) -> float:
        """How long the longest way takes, if links take so long from node to node, and others nothing."""

def message_names() -> list[str]:
    """Names of all control messages."""

def roundtrip(message: bytes) -> bytes:
    """A control message, read into the Rust types and written again. Raises ValueError."""

def bench_between(entrance: Callable[[int], int], seconds: float) -> float:
    """Gbit/s through whatever leads from one port of 127.0.0.1 to another, over one connection.

    `entrance` is called with the port where it is to lead to, and returns the one where it begins. The ends
    are those of `bench_relay_chain`. Raises DataplaneError, OSError, and what `entrance` raises.
    """

def bench_quic_chain(relays: int, seconds: float) -> float:
    """Gbit/s through `relays` tasks that copy between loopback QUIC connections.

    0 relays are one connection. Raises DataplaneError.
    """

def bench_relay_chain(relays: int, seconds: float, splice: bool) -> float:
    """Gbit/s through `relays` threads that copy between loopback TCP connections, or `splice` them.

    0 relays are one connection. Raises DataplaneError.
    """

def bench_stack_loopback(mtu: int, window: int, seconds: float) -> float:
    """Gbit/s between the two ends of a synthetic TCP flow with nothing in between.

    Packets have up to `mtu` bytes, both buffers `window`. Raises DataplaneError.
    """

def bench_relay_tuns(
    first: tuple[str | PathLike[str], str],
    second: tuple[str | PathLike[str], str],
    offload: bool,
    ready: Callable[[], object],
) -> None:
    """Relay between two TUN devices, each given by its namespace and name, with a thread for each direction.

    `ready` is called when it has begun; it goes on until it fails. Raises DataplaneError.
    """
