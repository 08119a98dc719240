//! The C library's allocator (mallopt(3)).

use std::io;

/// Bytes at the end of each heap that stay with the process when they are freed. By default the kernel gets all beyond
/// 128 KiB back, and clears the same pages again for what is allocated next: whoever makes packets at one end and frees
/// them at the other, a mebibyte at a time, then spends much of its time on that.
pub const KEPT: i32 = 32 << 20;
/// What is at least as large comes from the kernel and goes back there: buffers that live for long.
const MAPPED: i32 = 4 << 20;

/// Has the process keep up to [`KEPT`] freed bytes of each of its heaps, of which a thread has one at the most.
///
/// # Errors
/// The allocator does not take it; all is as it was. Other C libraries than glibc have no such setting.
#[cfg(target_env = "gnu")]
pub fn keep_freed() -> io::Result<()> {
    let set = |parameter, value| {
        // SAFETY: it takes two integers, and locks what it changes.
        match unsafe { libc::mallopt(parameter, value) } {
            1 => Ok(()),
            _ => Err(io::Error::other("mallopt refuses it")),
        }
    };
    set(libc::M_TRIM_THRESHOLD, KEPT)?;
    set(libc::M_MMAP_THRESHOLD, MAPPED)
}

/// As above.
///
/// # Errors
/// Always.
#[cfg(not(target_env = "gnu"))]
pub fn keep_freed() -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Pages that were given to this thread.
    fn faults() -> i64 {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the kernel writes all of it, or says that it has not.
        unsafe {
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()), 0);
            usage.assume_init().ru_minflt
        }
    }

    /// Writes a mebibyte in pieces of 16 KiB, and frees them.
    fn round() {
        let pieces: Vec<_> = (0..64_u8).map(|piece| vec![piece | 1; 16 * 1024]).collect();
        assert_eq!(pieces.iter().map(|piece| usize::from(piece[0])).sum::<usize>(), 64 * 32);
    }

    #[test]
    fn what_was_freed_is_used_again_without_asking_the_kernel() {
        let per_round = || {
            round();
            let before = faults();
            (0..16).for_each(|_| round());
            (faults() - before) / 16
        };
        let given_back = per_round();
        keep_freed().unwrap();
        let kept = per_round();
        assert!(given_back > 64, "nothing to be gained: {given_back} pages a round");
        assert!(kept < 8, "{kept} pages a round, {given_back} before");
    }
}
