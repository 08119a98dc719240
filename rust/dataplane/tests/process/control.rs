//! A whole process against a controller that the test plays.

use std::thread::JoinHandle;

use crate::testbed::{PATIENCE, flow, link, node};
use futures_util::{SinkExt as _, StreamExt as _};
use nextmini_dataplane::link::Batching;
use nextmini_dataplane::process::{self, Options, Part, ProcessError};
use nextmini_wire::control::{
    Apply, Command, FlowChange, FlowEnd, FlowStatus, Hello, Join, LinkStatus, Mapping, PIPE_BYTES, Report,
    Seat, Timing, Transport, VERSION, Welcome, decode, encode,
};
use nextmini_wire::id::NodeId;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

const TOKEN: &str = "correct horse";

struct Controller {
    listener: TcpListener,
}

struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Controller {
    async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// Starts a process on a thread of its own.
    fn process(&self) -> JoinHandle<Result<(), ProcessError>> {
        self.process_that_is(Part::Index(3))
    }

    fn process_that_is(&self, part: Part) -> JoinHandle<Result<(), ProcessError>> {
        let options = Options {
            controller: format!("ws://{}/dataplane", self.listener.local_addr().unwrap()),
            trust: None,
            token: TOKEN.into(),
            part,
            listen: None,
            workers: 2,
            captures: None,
            exit_with_parent: false,
            namespace: None,
            batching: Batching::On,
        };
        std::thread::spawn(move || process::run(&options))
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        Peer { socket: accept_async(stream).await.unwrap() }
    }

    async fn welcome(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.welcome().await;
        peer
    }
}

impl Peer {
    async fn welcome(&mut self) -> Hello {
        let Report::Hello(hello) = self.hear().await else { panic!("no hello") };
        assert_eq!((hello.version, hello.process, hello.pid), (VERSION, 3, std::process::id()));
        let key = "5a".repeat(32);
        let welcome = Welcome {
            version: VERSION,
            experiment: "test".into(),
            key,
            seed: 1,
            interval_ms: 20,
            ttl: false,
            timing: Timing::Normal,
            watch_us: 1_000,
            pipe: PIPE_BYTES,
        };
        self.say(&Command::Welcome(welcome)).await;
        hello
    }

    async fn say(&mut self, command: &Command) {
        self.socket.send(Message::Binary(encode(command).unwrap().into())).await.unwrap();
    }

    async fn hear(&mut self) -> Report {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap() {
                Message::Binary(bytes) => return decode(&bytes).unwrap(),
                Message::Close(_) => panic!("closed"),
                _ => {}
            }
        }
    }

    /// Hears the last words, and that nothing follows but the end of the connection, as the protocol wants it.
    async fn farewell(&mut self) {
        self.hear_until(|report| *report == Report::Bye {}).await;
        let last = timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(last, Message::Close(_)), "{last:?}");
        self.socket.flush().await.unwrap();
    }

    async fn hear_until(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        loop {
            let report = self.hear().await;
            if wanted(&report) {
                return report;
            }
        }
    }
}

fn two_nodes() -> Apply {
    Apply {
        generation: 5,
        nodes: vec![node(1, 1, Mapping::Sequential), node(2, 1, Mapping::Sequential)],
        links: vec![link(1, 1, 2, Transport::Memory, "")],
        flows: vec![flow(1, 1, 2, 1_000_000)],
        ..Apply::default()
    }
}

fn route(id: u32, path: [u32; 2]) -> nextmini_wire::control::Route {
    let path = path.map(NodeId).to_vec();
    nextmini_wire::control::Route {
        id: nextmini_wire::id::RouteId(id),
        path,
        weight: 1,
        chunk: 65_536,
        row: None,
    }
}

async fn ended(process: JoinHandle<Result<(), ProcessError>>) -> Result<(), ProcessError> {
    let (done, waiting) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(process.join().unwrap()));
    timeout(PATIENCE, waiting).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_flow_runs_from_welcome_to_bye_with_routes_on_demand() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.welcome().await;
    peer.say(&Command::Apply(Box::new(two_nodes()))).await;
    let wanted = peer.hear_until(|report| matches!(report, Report::RoutesWanted { .. })).await;
    assert_eq!(wanted, Report::RoutesWanted { pairs: vec![(NodeId(1), NodeId(2))], paths: vec![] });
    let routes = vec![route(1, [1, 2]), route(2, [2, 1])];
    peer.say(&Command::Apply(Box::new(Apply { generation: 6, routes, ..Apply::default() }))).await;
    // The last counters may come before or after what became of the flow.
    let (mut completed, mut counted) = (0, false);
    while completed < 2 || !counted {
        match peer.hear().await {
            Report::FlowState { changes } => {
                let whole = |c: &&FlowChange| c.status == FlowStatus::Completed && c.bytes == 1_000_000;
                completed += changes.iter().filter(whole).count();
            }
            Report::Metrics { links, .. } => counted |= !links.is_empty(),
            _ => {}
        }
    }
    peer.say(&Command::Stop {}).await;
    peer.farewell().await;
    ended(process).await.unwrap();
}

#[tokio::test]
async fn after_a_break_the_process_comes_back_and_says_everything_again() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.welcome().await;
    peer.say(&Command::Apply(Box::new(two_nodes()))).await;
    peer.hear_until(|report| matches!(report, Report::RoutesWanted { .. })).await;
    drop(peer);
    let mut peer = controller.welcome().await;
    let links = peer.hear_until(|report| matches!(report, Report::LinkState { .. })).await;
    assert!(matches!(links, Report::LinkState { changes } if changes[0].state == LinkStatus::Up));
    peer.hear_until(|report| matches!(report, Report::RoutesWanted { pairs, .. } if pairs.len() == 1)).await;
    // The same rows again change nothing; the routes are new.
    let mut apply = two_nodes();
    apply.routes = vec![route(1, [1, 2]), route(2, [2, 1])];
    peer.say(&Command::Apply(Box::new(apply))).await;
    let applied = peer.hear_until(|report| matches!(report, Report::Applied(_))).await;
    assert!(
        matches!(applied, Report::Applied(applied) if applied.rejected.is_empty() && applied.generation == 5)
    );
    let sink = |report: &Report| {
        matches!(report, Report::FlowState { changes }
            if changes.iter().any(|c| c.end == FlowEnd::Source && c.status == FlowStatus::Completed))
    };
    peer.hear_until(sink).await;
    peer.say(&Command::Stop {}).await;
    peer.farewell().await;
    ended(process).await.unwrap();
}

#[tokio::test]
async fn a_process_of_a_site_is_told_which_one_it_is_and_asks_once() {
    let controller = Controller::start().await;
    let public = Some("192.0.2.7".to_owned());
    let part = Part::Site { name: "home".into(), ports: None, public: public.clone() };
    let process = controller.process_that_is(part);
    let mut peer = controller.accept().await;
    assert_eq!(peer.hear().await, Report::Join(Join { version: VERSION, site: "home".into() }));
    let seat = Seat { process: 3, host: "127.0.0.1".into(), ports: Some((1, u16::MAX)) };
    peer.say(&Command::Seat(seat)).await;
    let first = peer.welcome().await;
    let address: std::net::SocketAddr = first.listen.parse().unwrap();
    assert!(address.ip().is_loopback() && std::net::UdpSocket::bind(address).is_err());
    assert_eq!(first.public, public);
    drop(peer);
    // It knows its place now, and is the same process.
    let mut peer = controller.accept().await;
    assert_eq!(peer.welcome().await, first);
    peer.say(&Command::Stop {}).await;
    peer.farewell().await;
    ended(process).await.unwrap();
}

#[tokio::test]
async fn a_process_without_a_place_ends_and_says_why() {
    let controller = Controller::start().await;
    let process = controller.process_that_is(Part::Site { name: "moon".into(), ports: None, public: None });
    let mut peer = controller.accept().await;
    assert!(matches!(peer.hear().await, Report::Join(_)));
    peer.say(&Command::Error { reason: "there is no site moon".into() }).await;
    let error = ended(process).await.unwrap_err().to_string();
    assert!(error.contains("there is no site moon"), "{error}");
}

#[tokio::test]
async fn what_the_process_cannot_read_it_answers_and_goes_on() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.welcome().await;
    for bytes in [&b"\xc1"[..], b"\x81\xa4type\xa8teleport"] {
        peer.socket.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
        peer.hear_until(|report| matches!(report, Report::Error { .. })).await;
    }
    peer.say(&Command::Stop {}).await;
    peer.farewell().await;
    ended(process).await.unwrap();
}

#[tokio::test]
async fn the_last_words_are_not_lost_to_who_is_speaking_meanwhile() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.welcome().await;
    peer.say(&Command::Apply(Box::new(two_nodes()))).await;
    peer.say(&Command::Stop {}).await;
    // It ends before it has come to these.
    for generation in 7..107 {
        peer.say(&Command::Apply(Box::new(Apply { generation, ..Apply::default() }))).await;
    }
    peer.farewell().await;
    ended(process).await.unwrap();
}

#[tokio::test]
async fn a_refused_process_ends_and_says_why() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.accept().await;
    peer.hear().await;
    peer.say(&Command::Error { reason: "there is no process 3".into() }).await;
    let error = ended(process).await.unwrap_err().to_string();
    assert!(error.contains("there is no process 3"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_ends_the_process() {
    let controller = Controller::start().await;
    let process = controller.process();
    let (stream, _) = controller.listener.accept().await.unwrap();
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let refuse = |request: &Request, _: Response| -> Result<Response, ErrorResponse> {
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
        Err(response)
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    let error = ended(process).await.unwrap_err().to_string();
    assert!(error.contains("token") && !error.contains(TOKEN), "{error}");
}

#[tokio::test]
async fn a_running_flow_says_which_route_it_takes() {
    let controller = Controller::start().await;
    let process = controller.process();
    let mut peer = controller.welcome().await;
    let mut apply = two_nodes();
    apply.routes = vec![route(7, [1, 2]), route(8, [2, 1])];
    peer.say(&Command::Apply(Box::new(apply))).await;
    let running = peer.hear_until(|report| matches!(report, Report::FlowState { .. })).await;
    let Report::FlowState { changes } = running else { unreachable!() };
    assert!(changes.iter().all(|change| change.route.is_some_and(|id| id.0 == 7)), "{changes:?}");
    peer.say(&Command::Stop {}).await;
    peer.farewell().await;
    ended(process).await.unwrap();
}
