//! The dataplane's log: to standard error, without Python's part in it.

use tracing_subscriber::EnvFilter;

/// Starts it; what is shown can be set by NEXTMINI_LOG, in tracing-subscriber's syntax.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("NEXTMINI_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // A second run in the same interpreter finds the log started.
    let _started = log.try_init();
}
