#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]
#[path = "../tests/testbed/mod.rs"]
mod testbed;
use nextmini_wire::control::*;
use std::time::{Duration, Instant};
use testbed::*;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let transport = if args[1] == "tcp" { Transport::Tcp } else { Transport::Memory };
    let relays: u32 = args[2].parse().unwrap();
    let seconds: f64 = args[3].parse().unwrap();
    let flows: u32 = args.get(4).map_or(1, |n| n.parse().unwrap());
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        tokio::spawn(async move {
            let mut bed = Testbed::start().await;
            let n = relays + 2;
            bed.nodes(n, 1, Mapping::Sequential);
            bed.links((1..n).map(|n| (n, n + 1)), transport);
            bed.until_up().await;
            bed.routes(&(1..=n).collect::<Vec<_>>(), 1);
            bed.flows((1..=flows).map(|id| { let mut f = flow(id, 1, n, 0); f.size = None; f }).collect());
            tokio::time::sleep(Duration::from_millis(300)).await;
            let total = |bed: &Testbed| bed.host.counters().1.iter().map(|f| f.acknowledged).sum::<u64>();
            let (a, t) = (total(&bed), Instant::now());
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            let (b, took) = (total(&bed), t.elapsed().as_secs_f64());
            let f = bed.host.counters().1[0];
            let gbps = (b - a) as f64 * 8.0 / took / 1e9;
            let base = if transport == Transport::Tcp { tokio::task::block_in_place(|| nextmini_dataplane::baseline::relay_chain(relays as usize, seconds)).unwrap() } else { 1.0 };
            println!("ours {gbps:.2} base {base:.2} ratio {:.3} window {} srtt {} us retrans {}", gbps / base, f.window, f.srtt_us, f.retransmitted);
            bed.host.stop().await;
        }).await.unwrap();
    });
}
