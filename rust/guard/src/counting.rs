//! Cases that are run, and counted.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::callgrind::{CallgrindError, count};
use crate::cases::{CASES, Work};
use crate::command::say;
use crate::record::{Count, Record};

/// No case takes a tenth as long, in Callgrind on a busy machine; one that does waits for what never comes.
const PATIENCE: Duration = Duration::from_secs(200);

/// Why a case cannot be run.
#[derive(Debug, Error)]
pub(crate) enum CaseError {
    #[error("there is no case \"{0}\"")]
    Unknown(String),
    #[error(
        "this was built without the feature `still-clock`: counts would depend on the time; `make guard` builds it"
    )]
    Clock,
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Does the work of one case, for Callgrind, in this process.
///
/// # Errors
/// See [`CaseError`].
pub(crate) fn run(name: &str) -> Result<(), CaseError> {
    if !cfg!(feature = "still-clock") {
        return Err(CaseError::Clock);
    }
    let unknown = || CaseError::Unknown(name.to_owned());
    let case = CASES.iter().find(|case| case.name == name).ok_or_else(unknown)?;
    let (done, waited_for) = mpsc::channel::<()>();
    thread::Builder::new().name("patience".to_owned()).spawn(move || {
        if waited_for.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            say(&format!("error: it has not ended after {} s", PATIENCE.as_secs()));
            process::exit(1);
        }
    })?;
    let mut work = (case.prepare)();
    counted_work(&mut work);
    drop(done);
    Ok(())
}

/// The work that counts: Callgrind looks for this name.
#[inline(never)]
fn counted_work(work: &mut Work) {
    black_box(work)();
}

/// Counts all cases, as many at once as there are processors.
///
/// # Errors
/// The first case that cannot be counted.
pub(crate) fn count_all() -> Result<Record, CallgrindError> {
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let worker = || -> Result<(), CallgrindError> {
        while let Some(case) = CASES.get(next.fetch_add(1, Ordering::Relaxed)) {
            let count: Count = count(case.name)?;
            // What a panic leaves there is whole.
            counts.lock().unwrap_or_else(|error| error.into_inner()).insert(case.name.to_owned(), count);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from))
            .map(|_| scope.spawn(worker))
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(Record::here(counts.into_inner().unwrap_or_else(|error| error.into_inner())))
}
