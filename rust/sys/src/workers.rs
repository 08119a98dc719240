//! Work that blocks, on a few named threads of its own.

use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does `work` for every one of `items` on `threads` threads, and returns what came out in their order. After
/// a failure nothing more is begun; the first one that is met is returned, when all threads have ended.
pub(crate) fn for_all<I: Sync, T: Send, E: Send + From<io::Error>>(
    name: &str,
    items: &[I],
    threads: usize,
    work: impl Fn(&I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let next = AtomicUsize::new(0);
    let worker = &|| {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(position) else { return Ok(done) };
            match work(item) {
                Ok(result) => done.push((position, result)),
                Err(error) => {
                    next.store(items.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let mut all = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, worker);
        let handles: io::Result<Vec<_>> = (0..threads.clamp(1, items.len())).map(spawn).collect();
        let handles = handles.inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
        let done =
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic)));
        done.collect::<Result<Vec<_>, E>>()
    })?
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    all.sort_unstable_by_key(|(position, _)| *position);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_items() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled = for_all("test", &items, 3, |item| Ok::<_, io::Error>(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(for_all("test", &[], 3, |item: &u32| Ok::<_, io::Error>(*item)).unwrap(), []);
    }

    #[test]
    fn nothing_is_begun_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let result = for_all("test", &[0_u32; 1000], 1, |_| {
            begun.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(io::Error::other("no"))
        });
        assert_eq!(result.unwrap_err().to_string(), "no");
        assert_eq!(begun.into_inner(), 1);
    }
}
