"""Network namespaces of an experiment's nodes: made before its processes start, removed when they have ended.

Their names are noted in the experiment's folder before any of them is there, so that whoever finds the folder
after a crash knows what to remove; nothing else is taken for ours, whatever it is called.
"""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError
from nextmini.hosts.address_order import GAI
from nextmini.hosts.commands import Place
from nextmini.hosts.inside import end_processes_inside
from nextmini.hosts.redirection import redirect
from nextmini.hosts.threads import in_thread
from nextmini.hosts.underlay import address, build, hub_name, path_of
from nextmini.scenario.isolation import device_name, namespace_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from nextmini.scenario import Network, Node

NOTE = "namespaces"
"""The file with their names, one a line."""
ETC = "etc"
"""The folder with what is in /etc inside of them."""

_AT_ONCE = 500
"""Made in one go; between two goes an interrupt is heard."""
_LOOPBACK = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


class NodeNamespaces:
    """The namespaces of one experiment; `folder` is the experiment's own."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network = network
        self._folder = folder
        self._threads = os.cpu_count() or 1
        self._made: dict[str, Node] = {}
        self._others: tuple[str, ...] = ()
        """Names of namespaces that are no node's."""

    async def follow(self, nodes: Collection[Node]) -> dict[int, str]:
        """Makes namespaces of nodes that have none, and removes those of nodes that are no more.

        Returns why some cannot be made, by the node's number. See nextmini.controller.hosting.Hosting.
        """
        wanted = {node.name: node for node in nodes}
        problems = await self._redirect_again(wanted)
        if wanted.keys() == self._made.keys():
            return problems
        gone = self._made.keys() - wanted.keys()
        if gone:
            names = [namespace_name(self._network.name, name) for name in gone]
            await in_thread(partial(remove, names))
            for name in gone:
                del self._made[name]
            self._write_note()
        for name in wanted.keys() - self._made.keys():
            if self._network.isolation == "process":
                problems[wanted[name].id] = "nodes with a process each cannot be added in this version"
                continue
            try:
                await self.add([wanted[name]])
            except PrerequisiteError as error:
                problems[wanted[name].id] = str(error)
        write_hosts(self._folder / ETC / "hosts", self._made.values())
        return problems

    async def _redirect_again(self, wanted: Mapping[str, Node]) -> dict[int, str]:
        """Follows nodes that are transparent in another way than before; returns those that cannot be, and
        why."""
        problems: dict[int, str] = {}
        for name in wanted.keys() & self._made.keys():
            node, before = wanted[name], self._made[name]
            if _redirection(node) == _redirection(before):
                continue
            try:
                await in_thread(partial(redirect, self._path(node), *_redirection(node)))
                self._made[name] = node
            except PrerequisiteError as error:
                problems[node.id] = str(error)
        return problems

    async def create(self) -> None:
        """Makes all of them.

        Raises PrerequisiteError if that is not possible, and asyncio.CancelledError only between two goes;
        what there is then is noted.
        """
        nodes = self._network.nodes
        etc = self._folder / ETC
        etc.mkdir()
        (etc / "gai.conf").write_text(GAI, encoding="ascii")
        write_hosts(etc / "hosts", nodes)
        for first in range(0, len(nodes), _AT_ONCE):
            await self.add(nodes[first : first + _AT_ONCE])
        if self._network.isolation == "process":
            hub = hub_name(self._network.name)
            check_free([hub])
            self._others = (hub,)
            self._write_note()
            await in_thread(partial(build, hub, [self._path(node) for node in nodes]))

    def options(self, process: int) -> Sequence[str]:
        """Further options of a dataplane process."""
        if self._network.isolation != "process":
            return ()
        node = self._network.nodes[process]
        return ("--namespace", str(self._path(node)), "--listen", f"{address(process)}:0", "--workers", "1")

    def _path(self, node: Node) -> Path:
        return path_of(namespace_name(self._network.name, node.name))

    async def add(self, nodes: Sequence[Node]) -> None:
        """Makes those of these nodes: all or none. Raises PrerequisiteError."""
        names = [namespace_name(self._network.name, node.name) for node in nodes]
        # Those that are there already are not ours, and are not to be removed as if they were.
        check_free(names)
        self._made |= {node.name: node for node in nodes}
        self._write_note()
        try:
            await in_thread(partial(self._create, nodes))
        except PrerequisiteError:
            for node in nodes:  # none of them is there, or not ours
                del self._made[node.name]
            self._write_note()
            raise

    def _create(self, nodes: Sequence[Node]) -> None:
        _create([self._wanted(node) for node in nodes], self._threads)
        transparent = [node for node in nodes if node.transparent is not None]
        try:
            with ThreadPoolExecutor(self._threads) as threads:
                for _ in threads.map(
                    lambda node: redirect(self._path(node), *_redirection(node)), transparent
                ):
                    pass
        except PrerequisiteError:
            remove([namespace_name(self._network.name, node.name) for node in nodes])
            raise

    async def remove(self) -> None:
        """Removes all of them, with all processes in them. Raises PrerequisiteError."""
        await in_thread(partial(clear, self._folder))

    def _write_note(self) -> None:
        """Written as a whole or not at all."""
        note = self._folder / NOTE
        partial_note = note.with_suffix(".part")
        names = (namespace_name(self._network.name, name) for name in self._made)
        partial_note.write_text("".join(f"{name}\n" for name in (*names, *self._others)), encoding="utf-8")
        partial_note.replace(note)

    def _wanted(self, node: Node) -> tuple[str, str, str, str | None, tuple[int, int], int, int]:
        network = self._network
        prefixes = (IPv4Network(network.prefix).prefixlen, IPv6Network(network.prefix6).prefixlen)
        return (
            namespace_name(network.name, node.name),
            device_name(node.name),
            node.address,
            node.address6,
            prefixes,
            network.mtu,
            network.queues,
        )


def _redirection(node: Node) -> tuple[str, tuple[int, ...] | None, int | None]:
    return device_name(node.name), node.transparent_ports, node.transparent


def write_hosts(path: Path, nodes: Collection[Node]) -> None:
    """Writes the names of all nodes, in the file that is there: running programs have it mounted."""
    names = {node.name for node in nodes}
    # Programs look up what their machine is called, and nobody else in the network knows.
    ours = socket.gethostname()
    lines = [_LOOPBACK, *([f"127.0.1.1 {ours}\n"] if ours not in names else [])]
    for node in nodes:
        lines += [f"{address} {node.name}\n" for address in (node.address, node.address6) if address]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def clear(folder: Path) -> int:
    """Removes the namespaces that are noted in an experiment's folder, with all processes in them.

    Returns how many processes these were. Raises PrerequisiteError if that is not possible.
    """
    names = noted(folder)
    if not names:
        return 0
    ended = remove(names)
    (folder / NOTE).unlink()
    return ended


def noted(folder: Path) -> list[str]:
    """The names of the namespaces that are noted in an experiment's folder."""
    try:
        return (folder / NOTE).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def remove(names: Sequence[str]) -> int:
    """Removes namespaces with all processes in them; those that are not there are skipped.

    Returns how many processes these were. Raises PrerequisiteError if that is not possible.
    """
    from nextmini import _native

    try:
        ended = end_processes_inside(map(path_of, names))
        _native.remove_namespaces(names)
    except OSError as error:
        raise PrerequisiteError(
            f"network namespaces cannot be removed: {error}", "run `nextmini cleanup` as root"
        ) from error
    return ended


def places(folder: Path, experiment: str) -> dict[str, Place]:
    """Where the commands of an experiment's nodes run, by the node's name; `folder` is the experiment's own.

    None if its nodes have no namespaces. Raises PrerequisiteError if the folder cannot be read.
    """
    try:
        names = noted(folder)
    except OSError as error:
        raise PrerequisiteError(f"{folder} cannot be read: {error.strerror}", "run as root (sudo)") from error
    nodes = [name.removeprefix(f"{experiment}-") for name in names if name != hub_name(experiment)]
    return {node: Place(node, path_of(namespace_name(experiment, node)), folder / ETC) for node in nodes}


def check_free(names: Iterable[str]) -> None:
    """Raises PrerequisiteError if there is a namespace of one of these names."""
    with suppress(FileNotFoundError):
        there = set(os.listdir("/run/netns"))
        for name in names:
            if name in there:
                raise _taken(name)


def _taken(name: str) -> PrerequisiteError:
    return PrerequisiteError(
        f"there is a network namespace {name!r} already, which is not of an experiment that is known here",
        f"remove it with `ip netns delete {name}`, or give the experiment another name with --name NAME",
    )


def _create(
    wanted: Sequence[tuple[str, str, str, str | None, tuple[int, int], int, int]], threads: int
) -> None:
    from nextmini import _native

    without = 'write isolation = "none" under [network] to do without'
    try:
        _native.create_namespaces(wanted, threads)
    except PermissionError as error:
        raise PrerequisiteError(
            f"nodes with network namespaces need root: {error}", f"run as root (sudo), or {without}"
        ) from error
    except FileExistsError as error:  # somebody has made it this very moment
        raise PrerequisiteError(str(error), "give the experiment another name with --name NAME") from error
    except FileNotFoundError as error:
        raise PrerequisiteError(
            f"nodes with network namespaces need TUN devices: {error}",
            f"load the module tun, in a container pass --device /dev/net/tun, or {without}",
        ) from error
    except OSError as error:
        raise PrerequisiteError(
            f"network namespaces cannot be made: {error}", "see `nextmini doctor`"
        ) from error
