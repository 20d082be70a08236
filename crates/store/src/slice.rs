//! How the writer shares a processor with requests: it gets its part, and gives way at once.
//!
//! Linux lets a thread that wakes interrupt one that runs only when the running one has had its slice, unless that one
//! asked for a longer slice than the waking one has (its scheduler EEVDF, from 6.12 on). A long slice is therefore an
//! offer to be interrupted; how much time a thread gets in all does not change, so that a busy machine still writes.
//!
//! What never happens here: a failure. Where the request is not understood, all stays as it was.

/// Asks for the longest slice, for the calling thread.
#[cfg(target_os = "linux")]
pub(crate) fn give_way_to_wakers() {
    linux::ask_for_slice();
}

/// Nothing of the kind is known of other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn give_way_to_wakers() {}

#[cfg(target_os = "linux")]
mod linux {
    use libc::{SYS_sched_getattr, SYS_sched_setattr, sched_attr, syscall};

    /// The longest that the kernel gives.
    pub(super) const SLICE_NS: u64 = 100_000_000;

    /// Leaves a thread alone for which somebody has chosen another policy than the usual one.
    pub(super) fn ask_for_slice() {
        let Some(mut attributes) = attributes().filter(|now| now.sched_policy == libc::SCHED_OTHER.cast_unsigned())
        else {
            return;
        };
        attributes.sched_runtime = SLICE_NS;
        #[expect(unsafe_code, reason = "the system call has no safe wrapper")]
        // SAFETY: the pointer is to a live struct that names its own size; 0 is the calling thread.
        unsafe {
            syscall(SYS_sched_setattr, 0, &raw const attributes, 0);
        }
    }

    /// What the kernel knows of the calling thread.
    pub(super) fn attributes() -> Option<sched_attr> {
        const SIZE: usize = std::mem::size_of::<sched_attr>();
        #[expect(unsafe_code, reason = "the system call has no safe wrapper")]
        // SAFETY: the struct is numbers alone, for which zero is a value; the call is told its size and writes no
        // further.
        unsafe {
            let mut attributes: sched_attr = std::mem::zeroed();
            (syscall(SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) == 0).then_some(attributes)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_thread_gets_the_slice_and_keeps_what_else_it_had() {
            let (before, after) = std::thread::spawn(|| {
                let before = attributes().unwrap();
                ask_for_slice();
                (before, attributes().unwrap())
            })
            .join()
            .unwrap();
            assert_eq!((before.sched_policy, before.sched_nice), (after.sched_policy, after.sched_nice));
            // Kernels before 6.12 do not say what they do not know.
            assert!([SLICE_NS, before.sched_runtime].contains(&after.sched_runtime), "{}", after.sched_runtime);
        }
    }
}
