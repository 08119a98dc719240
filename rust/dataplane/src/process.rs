//! A dataplane process, from its first connection to the controller to its end.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::backoff::Backoff;
use nextmini_policy::lossless::Pattern;
use nextmini_policy::route::Ttl;
use nextmini_sys::namespace::enter;
use nextmini_wire::control::{Hello, Join, VERSION, Welcome};
use nextmini_wire::handshake::{KeyError, LinkKey};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::capture::{self, Asked};
use crate::control::address::{Address, AddressError};
use crate::control::connection::{ConnectError, Connection};
use crate::control::ledger::Ledger;
use crate::control::session::{self, Session, SessionError};
use crate::control::trust::{Trust, TrustError};
use crate::event::Event;
use crate::home::Home;
use crate::host::{Experiment, Host};
use crate::link::listen::{self, Arrivals};
use crate::link::ports::{Ports, PortsError};
use crate::max::chain::Chains;
use crate::outside::Outside;
use crate::routes::Routes;
use crate::stop::StopSignal;
use crate::timers::Timers;
use crate::tls::identity::{Identity, IdentityError};
use crate::tun::Readers;
use crate::watch::Watch;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// A controller that has never answered is given up after so long.
const FIRST_CONTACT: Duration = Duration::from_secs(30);
/// The least that is sensible between two ticks of the process's watch, in microseconds.
const LEAST_WATCH_US: u32 = 100;
/// How long the runtime may take to end its tasks.
const RUNTIME_END: Duration = Duration::from_secs(1);

/// How a process is to run.
#[derive(Clone)]
pub struct Options {
    /// The controller's WebSocket, such as `ws://127.0.0.1:4000/dataplane`.
    pub controller: String,
    /// Whom to take for the controller, over TLS.
    pub trust: Option<Trust>,
    /// What the controller demands.
    pub token: String,
    /// Which process of the experiment it is.
    pub part: Part,
    /// Where links from other processes arrive, as `address:port`; port 0 takes any.
    pub listen: Option<String>,
    /// Threads; 0 for one a core.
    pub workers: usize,
    /// The socket at which captures are asked for; nothing for none.
    pub captures: Option<PathBuf>,
    /// Whether to end when standard input ends, as it does when the parent dies.
    pub exit_with_parent: bool,
    /// The network namespace that its links are in; only the controller is reached from where it was started.
    pub namespace: Option<PathBuf>,
}

/// Which process of an experiment one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// That of this index, from 0.
    Index(u32),
    /// One of a site's, whichever is not there yet.
    Site {
        /// Its name.
        name: String,
        /// Where links may arrive, instead of what the scenario says.
        ports: Option<RangeInclusive<u16>>,
        /// The address at which other sites reach it, likewise.
        public: Option<String>,
    },
}

/// Where a process listens if nobody says anything else.
const USUAL_LISTEN: &str = "127.0.0.1:0";

/// Why a process could not start, or had to end.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// No threads, or no signals.
    #[error("cannot start ({0})")]
    Runtime(io::Error),
    /// The namespace of its links cannot be entered.
    #[error("cannot enter the network namespace {} ({source})", .path.display())]
    Namespace {
        /// Its file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The address for links is no good.
    #[error("cannot listen for links on {listen} ({source})")]
    Listen {
        /// As it was given.
        listen: String,
        /// Which of the ports, and why.
        source: PortsError,
    },
    /// The socket for captures cannot be made.
    #[error("cannot listen for captures on {} ({source})", path.display())]
    Captures {
        /// As it was given.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The controller's address is of no use.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody can be trusted to be the controller.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The controller does not let this process in.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The controller sends this process away.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// No timer.
    #[error("cannot keep time ({0})")]
    Timer(io::Error),
    /// The links' key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The links' key is of no use.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Another experiment answers at the controller's address.
    #[error("another experiment's controller answers now; this process ends")]
    OtherExperiment,
}

/// Runs a process to its end.
///
/// # Errors
/// See [`ProcessError`].
pub fn run(options: &Options) -> Result<(), ProcessError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if options.workers > 0 {
        builder.worker_threads(options.workers);
    }
    raise_open_files();
    keep_freed_memory();
    let home = Home::start().map_err(ProcessError::Runtime)?;
    if let Some(path) = &options.namespace {
        // Before there are other threads: those that this one starts begin where it is.
        enter(path).map_err(|source| ProcessError::Namespace { path: path.clone(), source })?;
    }
    let runtime = builder.enable_all().build().map_err(ProcessError::Runtime)?;
    // On a worker, not on this thread: the control task then shares the workers' queues.
    let options = options.clone();
    let outcome = runtime.block_on(async move {
        match tokio::spawn(async move { Process::start(options, home).await?.serve().await }).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Ok(()),
            },
        }
    });
    runtime.shutdown_timeout(RUNTIME_END);
    outcome
}

/// Every TCP link takes a descriptor or two: take as many as the system lets a process have.
fn raise_open_files() {
    match nextmini_sys::limits::raise_open_files() {
        Ok(most) => tracing::debug!(most, "open files"),
        Err(error) => tracing::warn!(%error, "cannot raise the number of open files"),
    }
}

/// Packets come and go: what they were in is needed again at once.
pub(crate) fn keep_freed_memory() {
    if let Err(error) = nextmini_sys::allocator::keep_freed() {
        tracing::warn!(%error, "freed memory goes back to the kernel, and throughput is lower");
    }
}

struct Process {
    options: Options,
    controller: Address,
    home: Home,
    /// Tells it from others.
    instance: u64,
    /// As soon as it is known which process it is.
    seated: Option<Seated>,
    accepting: Option<JoinHandle<()>>,
    capturing: Option<JoinHandle<()>>,
    arrivals: Arrivals,
    routes: Arc<Routes>,
    events: (mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Event>),
    captures: mpsc::Receiver<Asked>,
    ledger: Ledger,
    running: Option<Running>,
    stop: StopSignal,
}

/// Which process it is, and where it is reached.
struct Seated {
    process: u32,
    address: SocketAddr,
    listener: Option<TcpListener>,
    udp: Arc<UdpSocket>,
}

/// What is known once a controller has answered.
struct Running {
    experiment: String,
    key: LinkKey,
    host: Host,
    watch: Watch,
}

impl Process {
    async fn start(options: Options, home: Home) -> Result<Self, ProcessError> {
        let controller = Address::new(&options.controller, options.trust.as_ref())?;
        let seated = match options.part {
            Part::Index(process) => {
                let listen = options.listen.clone().unwrap_or_else(|| USUAL_LISTEN.to_owned());
                Some(Seated::new(process, &listen, Ports::bind(&listen).await)?)
            }
            Part::Site { .. } => None,
        };
        let (asked, captures) = mpsc::channel(1);
        let capturing = match options.captures.clone() {
            Some(path) => {
                let listener = capture::listen(&path);
                let listener = listener.map_err(|source| ProcessError::Captures { path, source })?;
                Some(tokio::spawn(capture::accept(listener, asked)))
            }
            None => None,
        };
        let stop = StopSignal::new(options.exit_with_parent).map_err(ProcessError::Runtime)?;
        let events = mpsc::unbounded_channel();
        let routes = Arc::new(Routes::new(events.0.clone()));
        Ok(Self {
            options,
            controller,
            home,
            instance: getrandom::u64().map_err(|error| ProcessError::Runtime(error.into()))?,
            seated,
            accepting: None,
            capturing,
            arrivals: Arrivals::default(),
            routes,
            events,
            captures,
            ledger: Ledger::default(),
            running: None,
            stop,
        })
    }

    async fn serve(mut self) -> Result<(), ProcessError> {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let give_up = tokio::time::Instant::now() + FIRST_CONTACT;
        loop {
            match self.session(&mut backoff).await {
                Ok(()) => return Ok(()),
                Err(error) if !error.passes() => return Err(error),
                Err(error) if self.running.is_none() && tokio::time::Instant::now() >= give_up => {
                    return Err(error);
                }
                Err(error) => tracing::warn!(%error, "no controller; forwarding goes on"),
            }
            let pause = tokio::time::sleep(backoff.delay(getrandom::u64().unwrap_or(u64::MAX)));
            tokio::select! {
                () = pause => {}
                () = self.stop.told() => return Ok(()),
            }
        }
    }

    async fn session(&mut self, backoff: &mut Backoff) -> Result<(), ProcessError> {
        let opening = async {
            let mut connection = Connection::open(&self.controller, &self.options.token, &self.home).await?;
            let seated = match &self.seated {
                Some(seated) => seated,
                None => self.seated.insert(Seated::ask(&mut connection, &self.options).await?),
            };
            let hello = Hello {
                version: VERSION,
                process: seated.process,
                pid: std::process::id(),
                listen: seated.address.to_string(),
                instance: self.instance,
                public: self.options.part.public(),
                forests: self.routes.load().forests(),
            };
            let welcome = session::begin(&mut connection, hello).await?;
            Ok::<_, ProcessError>((connection, welcome))
        };
        let (mut connection, welcome) = tokio::select! {
            opened = opening => opened?,
            () = self.stop.told() => return Ok(()),
        };
        backoff.reset();
        let interval_ms = welcome.interval_ms;
        let again = self.enter(welcome)?;
        let Some(running) = &mut self.running else { return Err(ProcessError::OtherExperiment) };
        if again {
            let told = self.ledger.retell(self.routes.wanted());
            connection.send(told).await.map_err(SessionError::from)?;
        }
        let mut session = Session {
            host: &mut running.host,
            watch: &running.watch,
            ledger: &mut self.ledger,
            events: &mut self.events.1,
            captures: &mut self.captures,
            stop: &mut self.stop,
        };
        Ok(session.serve(connection, interval_ms).await?)
    }

    /// Takes part in the experiment that `welcome` is of; whether it did so already.
    fn enter(&mut self, welcome: Welcome) -> Result<bool, ProcessError> {
        let key = LinkKey::from_hex(&welcome.key)?;
        if let Some(running) = &self.running {
            let same = running.key == key && running.experiment == welcome.experiment;
            return if same { Ok(true) } else { Err(ProcessError::OtherExperiment) };
        }
        let elsewhere = self.options.namespace.as_ref().map(|_| self.home.namespace());
        let (routes, events) = (Arc::clone(&self.routes), self.events.0.clone());
        let chains = Chains::new(key.clone(), routes, events, Outside::new(elsewhere), welcome.pipe as usize);
        let identity = Identity::new(key.clone())?;
        // INVARIANT: who is welcome has said which process it is.
        let Some(seated) = &mut self.seated else { return Err(ProcessError::OtherExperiment) };
        if let Some(listener) = seated.listener.take() {
            let (arrivals, chains) = (self.arrivals.clone(), Arc::clone(&chains));
            let accepting = listen::accept(listener, identity.clone(), arrivals, chains);
            self.accepting = Some(tokio::spawn(accepting));
        }
        let timers = Timers::start(welcome.timing).map_err(ProcessError::Timer)?;
        let watch = Watch::start(Duration::from_micros(u64::from(welcome.watch_us.max(LEAST_WATCH_US))))
            .map_err(ProcessError::Timer)?;
        let pattern = Pattern::new(welcome.seed);
        self.routes.set_ttl(if welcome.ttl { Ttl::Counted } else { Ttl::Kept });
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        let readers = Arc::new(Readers::new(workers).map_err(ProcessError::Timer)?);
        let experiment = Experiment {
            identity,
            udp: Arc::clone(&seated.udp),
            pattern,
            seed: welcome.seed,
            timers,
            readers,
            chains,
        };
        let host =
            Host::new(experiment, self.arrivals.clone(), self.events.0.clone(), Arc::clone(&self.routes));
        self.running = Some(Running { experiment: welcome.experiment, key, host, watch });
        Ok(false)
    }
}

impl Part {
    fn public(&self) -> Option<String> {
        match self {
            Self::Index(_) => None,
            Self::Site { public, .. } => public.clone(),
        }
    }
}

impl Seated {
    /// Process `process`, if there are ports for it.
    fn new(process: u32, listen: &str, ports: Result<Ports, PortsError>) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Listen { listen: listen.to_owned(), source };
        let ports = ports.map_err(failed)?;
        let address = ports.address().map_err(PortsError::from).map_err(failed)?;
        Ok(Self { process, address, listener: Some(ports.tcp), udp: Arc::new(ports.udp) })
    }

    /// Asks the controller which process of its site this one is, and listens as it says, or as somebody here does.
    async fn ask(connection: &mut Connection, options: &Options) -> Result<Self, ProcessError> {
        let Part::Site { name, ports, .. } = &options.part else { return Err(ProcessError::OtherExperiment) };
        let seat = session::join(connection, Join { version: VERSION, site: name.clone() }).await?;
        let given = options.listen.as_deref().and_then(|listen| listen.rsplit_once(':'));
        let (host, port) = match given {
            Some((host, port)) => (host.to_owned(), Some(port).filter(|&port| port != "0")),
            None => (seat.host, None),
        };
        let range = ports.clone().or_else(|| seat.ports.map(|(first, last)| first..=last));
        let bound = match (port, range) {
            (Some(port), _) => Ports::bind(&format!("{host}:{port}")).await,
            (None, Some(range)) => Ports::bind_in(&host, range).await,
            (None, None) => Ports::bind_in(&host, 0..=0).await,
        };
        let seated = Self::new(seat.process, &host, bound)?;
        tracing::info!(site = name, process = seat.process, address = %seated.address, "has its place");
        Ok(seated)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.accepting.iter().chain(&self.capturing).for_each(JoinHandle::abort);
    }
}

impl ProcessError {
    /// Whether trying again may help.
    fn passes(&self) -> bool {
        match self {
            Self::Connect(error) => error.passes(),
            Self::Session(error) => !matches!(error, SessionError::Refused(_)),
            Self::Runtime(_)
            | Self::Namespace { .. }
            | Self::Listen { .. }
            | Self::Captures { .. }
            | Self::Address(_)
            | Self::Trust(_)
            | Self::Timer(_)
            | Self::Key(_)
            | Self::Identity(_)
            | Self::OtherExperiment => false,
        }
    }
}
