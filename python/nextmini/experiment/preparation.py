"""What a run needs before it begins, and everything that may refuse it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from nextmini.controller import Controller, Settings
from nextmini.controller.devices import Devices, Home
from nextmini.controller.joining import join_command, own_address, url_elsewhere
from nextmini.controller.metrics_page import metrics_url
from nextmini.controller.tls import load
from nextmini.errors import ControllerError
from nextmini.experiment import resuming
from nextmini.experiment.algorithms import Algorithms, check_algorithms
from nextmini.experiment.apps import Apps, check_apps
from nextmini.experiment.event_journal import keep_events, kept_events
from nextmini.experiment.folder import RunFolder
from nextmini.experiment.state import Parts
from nextmini.hosts.clearing import clear
from nextmini.hosts.local import Launch, LocalProcesses, no_options
from nextmini.hosts.namespaces import NodeNamespaces, places
from nextmini.scenario.fields import is_loopback
from nextmini.store import Guard, RegisteredSite, Registration, StateFolder, Store, embedded_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AsyncExitStack
    from pathlib import Path

    from nextmini.controller.tls import ServerTls
    from nextmini.experiment.resuming import Note
    from nextmini.experiment.state import RunState
    from nextmini.scenario import Network
    from nextmini.scenario.network import Routing
    from nextmini.store import ExperimentSecrets


async def prepare(run: RunState, stack: AsyncExitStack) -> Parts:
    """Everything that a run needs before its first row is written, its folder too.

    Whatever was begun is undone by `stack`. Raises as `open_controller`.
    """
    check_apps(run.network)
    check_algorithms(run.network)
    opened = await open_controller(run, stack)
    folder = RunFolder.create(run.options.runs_dir, run.id, run.scenario)
    run.observer.folder_made(folder.path)
    stack.enter_context(folder.controller_log())
    # The processes have the same working folder, but need not keep it.
    launch = Launch(
        opened.controller.url,
        opened.token_file,
        folder.logs.absolute(),
        run.options.program,
        opened.options,
        None if opened.tls is None else opened.tls.fingerprint,
    )
    processes = LocalProcesses(launch, run.process_died)
    stack.push_async_callback(processes.end)
    there = places(opened.token_file.parent, run.network.name) if run.network.apps else {}
    apps = Apps(run.network, there, folder.path)
    stack.push_async_callback(apps.close)
    algorithms = Algorithms(opened.store, opened.dsn, run.network, folder.logs)
    stack.push_async_callback(algorithms.close)
    return Parts(
        store=opened.store,
        controller=opened.controller,
        processes=processes,
        apps=apps,
        algorithms=algorithms,
        folder=folder,
        guard=opened.guard,
        register=opened.register,
    )


def has_namespaces(network: Network) -> bool:
    """Whether its nodes have network namespaces."""
    return network.isolation != "none"


@dataclass(frozen=True, slots=True)
class Opened:
    """A controller that listens, its store, and the file that its token is in.

    `register` tells others that the network is in force; `options` are further ones of a dataplane process;
    `tls` is what it shows; `dsn` is the address of the database, a secret.
    """

    store: Store
    controller: Controller
    token_file: Path
    guard: Guard
    register: Callable[[], None]
    options: Callable[[int], Sequence[str]]
    tls: ServerTls | None
    dsn: str = field(repr=False)


async def open_controller(
    run: RunState, stack: AsyncExitStack, *, strict: bool = True, before: Note | None = None
) -> Opened:
    """Holds the name, starts the database, claims the experiment and opens the port.

    With `before`, the controller goes on for one that was killed: it has begun, and listens where that did.
    Whatever was begun is undone by `stack`. Raises ControllerError, DatabaseError, PrerequisiteError,
    Interrupted.
    """
    network, guard = run.network, run.interrupt.guard
    tls = None if run.options.tls is None else load(run.options.tls)
    state = StateFolder.locate(run.options.state_dir, clear)
    registration = _registration(run)
    with one_at_a_time():
        kept: Literal["fresh", "kept"] = "fresh" if before is None else "kept"
        outlive = resuming.is_like_death if run.options.how == "controller" else None
        held = state.hold(network.name, registration, kept, outlive, run.options.given)
        secrets = stack.enter_context(held)
    if tls is None and network.tls:
        tls = _certified(secrets)
    dsn, guarded = run.options.database_url, Guard()
    if dsn is None:
        run.observer.phase("starting the database")
        dsn = await guard(stack.enter_async_context(embedded_server(state.path, guard=guarded)))
    store = await guard(_open_store(stack, dsn, network.name, guarded))
    with one_at_a_time():
        await guard(store.claim())
    namespaces = None
    if has_namespaces(network) and run.options.home is Home.NAMED:
        run.observer.phase(f"making {len(network.nodes)} network namespaces")
        namespaces = NodeNamespaces(network, secrets.folder)
        stack.push_async_callback(namespaces.remove)
        await guard(namespaces.create())
    settings = _settings(run, secrets, tls, strict=strict)
    if run.options.how == "controller":  # nobody goes on for another one
        settings = replace(settings, keep_events=partial(keep_events, secrets.folder))
    if before is not None:
        settings = replace(settings, listen=before.listen_again(network.listen))
        run.began = await guard(resuming.began(store, before, run.scenario))
    controller = Controller(store, settings, namespaces)
    stack.push_async_callback(controller.close)
    if before is not None:
        kept_numbers, journal = resuming.kept_numbers(secrets.folder), kept_events(secrets.folder)
        await guard(controller.resume(kept_numbers, journal))
    await guard(controller.listen())
    metrics = metrics_url(controller.url)
    register = partial(
        state.register,
        replace(registration, ready=True, metrics=metrics, sites=_registered(network, controller)),
    )
    options = namespaces.options if namespaces is not None else no_options
    return Opened(store, controller, secrets.token_file, guarded, register, options, tls, dsn)


def _registration(run: RunState) -> Registration:
    options = run.options
    folder = str((options.runs_dir / run.id).absolute()) if options.has_folder else None
    return Registration(
        name=run.network.name,
        run=run.id,
        how=options.how,
        pid=os.getpid(),
        folder=folder,
        database_url=options.database_url,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _registered(network: Network, controller: Controller) -> tuple[RegisteredSite, ...]:
    joins = controller.joins()
    return tuple(
        RegisteredSite(site.name, site.first, site.processes, joins[site.name]) for site in network.sites
    )


def _certified(secrets: ExperimentSecrets) -> ServerTls:
    """A certificate of the experiment's own."""
    from nextmini.controller.certificate import make  # a large library, for few runs

    return load(make(secrets.folder))


def _settings(run: RunState, secrets: ExperimentSecrets, tls: ServerTls | None, *, strict: bool) -> Settings:
    network = run.network
    return Settings(
        experiment=network.name,
        run=run.id,
        seed=network.seed,
        listen=network.listen,
        interval=network.interval,
        keep=network.keep,
        processes=network.processes,
        token=secrets.token,
        key=secrets.key,
        strict=strict,
        restarts=network.on_process_death == "restart",
        timing=network.timing,
        watch_us=run.options.watch_us,
        ttl=network.ttl,
        keep_numbers=partial(resuming.keep_numbers, secrets.folder),
        pipe=network.pipe,
        routing=_routing(network),
        holds_flows=bool(network.algorithms),
        tls=tls,
        sites=network.sites,
        joins=partial(_join, network, secrets, tls),
        devices=_devices(run),
    )


def _devices(run: RunState) -> Devices | None:
    network = run.network
    if not has_namespaces(network):
        return None
    return Devices(network.name, network.queues, network.offload, run.options.home)


def _join(network: Network, secrets: ExperimentSecrets, tls: ServerTls | None, url: str, site: str) -> str:
    """What to run at a site: with the token's file as it is called here, or beside it elsewhere."""
    there = url_elsewhere(url, network.listen, network.public, own_address())
    token_file = str(secrets.token_file) if is_loopback(network.listen) else secrets.token_file.name
    return join_command(there, token_file, None if tls is None else tls.fingerprint, site)


def _routing(network: Network) -> Routing:
    """With algorithms, which may decide about routes before flows begin, none is computed ahead of them."""
    if network.algorithms and network.routing.mode == "auto":
        return replace(network.routing, mode="reactive")
    return network.routing


async def _open_store(stack: AsyncExitStack, dsn: str, experiment: str, guard: Guard) -> Store:
    """Opens the store; `stack` closes it."""
    store = await Store.open(dsn, experiment, guard)
    stack.push_async_callback(store.close)
    return store


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Tells whose experiment's name is taken how to have another."""
    try:
        yield
    except ControllerError as error:
        raise ControllerError(
            error.message,
            "wait for it to end, end it with `nextmini down`, or give this one another name with --name NAME",
        ) from error
