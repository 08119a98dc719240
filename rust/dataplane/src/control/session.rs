//! One connection to the controller: commands come in, reports go out.

use std::time::Duration;

use nextmini_wire::control::{self, Command, ProcessFidelity, Report, VERSION, Welcome};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::connection::{Connection, ConnectionError};
use super::ledger::{self, Counts, Ledger};
use crate::capture::Asked;
use crate::event::Event;
use crate::host::Host;
use crate::stop::StopSignal;
use crate::watch::Watch;

/// The controller answers `hello` within this time.
const WELCOME_DEADLINE: Duration = Duration::from_secs(10);
/// Events merged into one round of messages at most.
const EVENTS: usize = 4_096;

/// Why a session ended before it was told to.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The connection is gone: connect again.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The controller did not answer.
    #[error("the controller did not answer within {WELCOME_DEADLINE:?}")]
    Silent,
    /// The controller does not want this process: do not come back.
    #[error("the controller refused this process: {0}")]
    Refused(String),
}

/// Asks which process of a site this one is.
///
/// # Errors
/// See [`SessionError`].
pub async fn join(connection: &mut Connection, join: control::Join) -> Result<control::Seat, SessionError> {
    match ask(connection, Report::Join(join)).await? {
        Command::Seat(seat) => Ok(seat),
        Command::Error { reason } => Err(SessionError::Refused(reason)),
        other => Err(SessionError::Refused(format!("it answered a join with {other:?}"))),
    }
}

/// Introduces this process, and waits for the answer.
///
/// # Errors
/// See [`SessionError`].
pub async fn begin(connection: &mut Connection, hello: control::Hello) -> Result<Welcome, SessionError> {
    match ask(connection, Report::Hello(hello)).await? {
        Command::Welcome(welcome) if welcome.version == VERSION => Ok(welcome),
        Command::Welcome(welcome) => Err(SessionError::Refused(format!(
            "it speaks version {} of the protocol and this process version {VERSION}; install the same release on both",
            welcome.version
        ))),
        Command::Error { reason } => Err(SessionError::Refused(reason)),
        other => Err(SessionError::Refused(format!("it answered a hello with {other:?}"))),
    }
}

async fn ask(connection: &mut Connection, question: Report) -> Result<Command, SessionError> {
    connection.send([question]).await?;
    let answer = timeout(WELCOME_DEADLINE, connection.receive()).await;
    Ok(answer.map_err(|_| SessionError::Silent)??)
}

/// What a session needs of its process.
#[derive(Debug)]
pub struct Session<'a> {
    /// What it changes.
    pub host: &'a mut Host,
    /// What keeps an eye on the time.
    pub watch: &'a Watch,
    /// What it tells.
    pub ledger: &'a mut Ledger,
    /// What happens.
    pub events: &'a mut mpsc::UnboundedReceiver<Event>,
    /// Who wants to see packets.
    pub captures: &'a mut mpsc::Receiver<Asked>,
    /// When to end.
    pub stop: &'a mut StopSignal,
}

impl Session<'_> {
    /// Serves a connection until the controller or a signal says stop.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn serve(&mut self, mut connection: Connection, interval_ms: u32) -> Result<(), SessionError> {
        let mut sampling = interval(Duration::from_millis(u64::from(interval_ms.max(10))));
        sampling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = Vec::new();
        loop {
            tokio::select! {
                command = connection.receive() => match self.obey(command)? {
                    Obeyed::Quietly => {}
                    Obeyed::Answer(report) => connection.send([report]).await?,
                    Obeyed::Stop => return self.end(connection).await,
                },
                _ = self.events.recv_many(&mut events, EVENTS) => {
                    self.end_failed_nodes(&events);
                    let messages = self.ledger.record(events.drain(..));
                    connection.send(messages).await?;
                }
                Some(asked) = self.captures.recv() => self.host.capture(asked),
                _ = sampling.tick() => {
                    connection.send(self.ledger.metrics(self.host.counters())).await?;
                }
                () = self.stop.told() => return self.end(connection).await,
            }
        }
    }

    fn obey(&mut self, command: Result<Command, ConnectionError>) -> Result<Obeyed, SessionError> {
        match command {
            Ok(Command::Apply(apply)) => Ok(Obeyed::Answer(Report::Applied(self.host.apply(apply)))),
            Ok(Command::NoRoutes { pairs }) => {
                self.host.no_routes(&pairs);
                Ok(Obeyed::Quietly)
            }
            Ok(Command::LinkBroken { links }) => {
                self.host.link_broken(&links);
                Ok(Obeyed::Quietly)
            }
            Ok(Command::Stop {}) => Ok(Obeyed::Stop),
            Ok(Command::Error { reason }) => {
                tracing::warn!(reason, "the controller complains");
                Ok(Obeyed::Quietly)
            }
            Ok(Command::Welcome(_)) => {
                Ok(Obeyed::Answer(Report::Error { reason: "a second welcome".to_owned() }))
            }
            Ok(Command::Seat(_)) => {
                Ok(Obeyed::Answer(Report::Error { reason: "a seat without having asked".to_owned() }))
            }
            Err(ConnectionError::Decode(error)) => {
                Ok(Obeyed::Answer(Report::Error { reason: error.to_string() }))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn end_failed_nodes(&mut self, events: &[Event]) {
        for event in events {
            if let Event::NodeFailed { node, .. } = event {
                self.host.fail_node(*node);
            }
        }
    }

    /// Stops everything and says the last words.
    async fn end(&mut self, mut connection: Connection) -> Result<(), SessionError> {
        let (timer, cpu_pressure) = self.watch.reading();
        // What flows sent is known as long as they are there, what arrived of it and what links did afterwards.
        let flows = self.host.counters().flows;
        let unread = self.host.device_overruns();
        self.host.stop().await;
        let counts = Counts { flows, ..self.host.counters() };
        let (fidelity, overruns) = self.host.fidelity();
        let process = ProcessFidelity { timer, cpu_pressure, overruns: overruns + unread };
        let mut events = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            events.push(event);
        }
        let mut messages = self.ledger.record(events);
        messages.extend(self.ledger.metrics(counts));
        messages.extend(ledger::fidelity(process, &fidelity));
        messages.push(Report::Bye {});
        connection.send(messages).await?;
        connection.close().await?;
        Ok(())
    }
}

enum Obeyed {
    Quietly,
    Answer(Report),
    Stop,
}
