//! Lossless flows over links in memory: everything that the dataplane does for them, with all of its tasks on one thread.

use std::sync::Arc;

use nextmini_dataplane::event::Event;
use nextmini_dataplane::host::{Experiment, Host};
use nextmini_dataplane::link::listen::Arrivals;
use nextmini_dataplane::link::ports::Ports;
use nextmini_dataplane::max::chain::Chains;
use nextmini_dataplane::outside::Outside;
use nextmini_dataplane::routes::Routes;
use nextmini_dataplane::timers::Timers;
use nextmini_dataplane::tls::identity::Identity;
use nextmini_dataplane::tun::Readers;
use nextmini_policy::lossless::Pattern;
use nextmini_wire::control::{Apply, FlowStatus, Timing};
use nextmini_wire::handshake::LinkKey;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::Work;
use super::rows::{flow, line};

/// Four links.
const NODES: u32 = 5;

/// 20 MB at once.
pub(super) fn one_flow() -> Work {
    flows(1, 20_000_000)
}

/// 32 flows of 100 kB at the same time.
pub(super) fn many_flows() -> Work {
    flows(32, 100_000)
}

fn flows(count: u32, bytes: u64) -> Work {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (mut host, mut events) = network(&runtime);
    let mut flows: Vec<_> = (1..=count).map(|id| flow(id, NODES, bytes)).collect();
    Box::new(move || {
        let flows = std::mem::take(&mut flows);
        runtime.block_on(async {
            let applied = host.apply(Apply { generation: 2, flows, ..Apply::default() });
            assert_eq!(applied.rejected, []);
            let mut ends = 2 * count;
            while ends > 0 {
                if let Event::Flow(change) = events.recv().await.unwrap()
                    && change.status != FlowStatus::Running
                {
                    assert_eq!((change.status, change.bytes), (FlowStatus::Completed, bytes));
                    ends -= 1;
                }
            }
        });
    })
}

/// A line of nodes, all tasks of which have come to wait.
fn network(runtime: &Runtime) -> (Host, mpsc::UnboundedReceiver<Event>) {
    runtime.block_on(async {
        let (sender, events) = mpsc::unbounded_channel();
        let key = LinkKey::from_hex(&"5a".repeat(32)).unwrap();
        let ports = Ports::bind("127.0.0.1:0").await.unwrap();
        let routes = Arc::new(Routes::new(sender.clone()));
        let chains =
            Chains::new(key.clone(), Arc::clone(&routes), sender.clone(), Outside::new(None), 65_536);
        let experiment = Experiment {
            identity: Identity::new(key).unwrap(),
            udp: Arc::new(ports.udp),
            pattern: Pattern::new(1),
            seed: 1,
            timers: Timers::start(Timing::Normal).unwrap(),
            readers: Arc::new(Readers::new(1).unwrap()),
            chains,
        };
        let mut host = Host::new(experiment, Arrivals::default(), sender, routes);
        assert_eq!(host.apply(line(NODES)).rejected, []);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        (host, events)
    })
}
