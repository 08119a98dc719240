//! What is counted. Each case does the same work each time, whatever the machine, and says what it is for.
//!
//! A case is prepared first, which does not count. Its work is small: a program in Valgrind is fifty times slower.
#![allow(clippy::unwrap_used, reason = "what is prepared here is as it should be, or the case is wrong")]

mod codecs;
mod control;
mod ip;
mod lossless;
mod packets;
mod pipeline;
mod queues;
mod routing;
mod rows;
mod shaping;

/// Work that is ready to be done, once.
pub(crate) type Work = Box<dyn FnMut()>;

/// Something that is counted.
pub(crate) struct Case {
    /// Its name: the part of the program, and what of it.
    pub(crate) name: &'static str,
    /// Prepares it.
    pub(crate) prepare: fn() -> Work,
}

const fn case(name: &'static str, prepare: fn() -> Work) -> Case {
    Case { name, prepare }
}

/// All cases, in the order in which they are recorded.
pub(crate) const CASES: &[Case] = &[
    case("wire/frame/encode-chunks", codecs::encode_chunks),
    case("wire/frame/decode-chunks", codecs::decode_chunks),
    case("wire/frame/encode-acks", codecs::encode_acks),
    case("wire/frame/decode-acks", codecs::decode_acks),
    case("wire/handshake", codecs::handshake),
    case("wire/tunnel/read", codecs::read_records),
    case("wire/control/encode-apply", control::encode_apply),
    case("wire/control/decode-apply", control::decode_apply),
    case("wire/control/encode-metrics", control::encode_metrics),
    case("wire/control/decode-metrics", control::decode_metrics),
    case("wire/ip/flow-keys", ip::flow_keys),
    case("wire/ip/segment", ip::segment_super_packets),
    case("queue/pass", queues::pass),
    case("queue/direct", queues::direct),
    case("queue/fifo", queues::fifo),
    case("queue/wrr", queues::wrr),
    case("queue/drr", queues::drr),
    case("queue/red", queues::red),
    case("queue/codel", queues::codel),
    case("shaping/rate", shaping::rate),
    case("shaping/trace", shaping::trace),
    case("shaping/impairments", shaping::impairments),
    case("shaping/token-bucket", shaping::token_bucket),
    case("lossless/session", lossless::session),
    case("routing/lookup", routing::lookup),
    case("routing/lookup-in-trees", routing::lookup_in_trees),
    case("routing/choose", routing::choose),
    case("routing/flow-table", routing::flow_table),
    case("routing/change", routing::change),
    case("routing/trees", routing::trees),
    case("pipeline/one-flow", pipeline::one_flow),
    case("pipeline/many-flows", pipeline::many_flows),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_does_its_work_and_has_a_name_of_its_own() {
        for case in CASES {
            (case.prepare)()();
        }
        assert_eq!(CASES.iter().map(|case| case.name).collect::<BTreeSet<_>>().len(), CASES.len());
    }
}
