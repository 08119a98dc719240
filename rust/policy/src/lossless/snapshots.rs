//! What seeded simulations of lossless sessions come to: a file of `tests/golden/simulations`.

use std::fmt::Write as _;
use std::time::Duration;

use nextmini_golden::assert_same;

use super::simulation::Path;
use crate::random::Random;

#[test]
fn sessions() {
    let mut text =
        String::from("5 MB in chunks of 9,000 bytes over a path; of chunks, these percent are lost\n\n");
    for (mbit, delay_ms, percent) in
        [(10, 1, 0), (100, 5, 0), (100, 5, 1), (100, 5, 10), (1_000, 1, 0), (1_000, 20, 0), (1_000, 20, 2)]
    {
        let mut path = Path::new(9_000, mbit * 1_000_000, Duration::from_millis(delay_ms));
        let mut random = Random::new(11, &[mbit, delay_ms, percent]);
        path.loses = Box::new(move |_| random.below(100) < percent);
        let outcome = path.run(5_000_000);
        let sender = &outcome.sender;
        writeln!(text, "{mbit} Mbit/s, {delay_ms} ms, {percent} %: {} us", outcome.took.as_micros()).unwrap();
        let (sent, again, timeouts) = (outcome.transmissions, sender.retransmitted(), sender.timeouts());
        let (window, queue) = (sender.window(), outcome.longest_queue.as_micros());
        writeln!(text, "  sent with answers {sent}, again {again}, timeouts {timeouts}, window {window} bytes, longest queue {queue} us").unwrap();
    }
    assert_same("lossless-sessions", &text);
}
