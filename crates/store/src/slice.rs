//! How the writer shares a processor with requests: it gets its part, gives way at once, and works in short spells.
//!
//! Linux lets a thread that wakes interrupt one that runs only when the running one has had its slice, unless that one
//! asked for a longer slice than the waking one has (its scheduler EEVDF, from 6.12 on). A long slice is therefore an
//! offer to be interrupted; how much time a thread gets in all does not change, so that a busy machine still writes.
//!
//! An offer is not enough: a thread that had more than its part a moment ago may not interrupt anyone, and waits for
//! the clock's next tick, which is up to 4 ms away. So the writer rests between its pieces of work, for as short as a
//! timer allows: whoever waits goes first, and where nobody waits next to nothing is lost.
//!
//! What never happens here: a failure. Where the request is not understood, all stays as it was.

use std::time::{Duration, Instant};

/// How long the writer works before it rests: what a request may have to wait for it.
const SPELL: Duration = Duration::from_micros(200);
/// As short as can be: with the usual slack of a timer about 55 us.
const REST: Duration = Duration::from_micros(1);

/// A spell of work, which ends with a rest.
pub(crate) struct Spell {
    begun: Instant,
}

impl Spell {
    /// One that begins now.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Rests if the spell is over, and says whether it did; to be called between two pieces of work.
    pub(crate) fn rest_if_over(&mut self) -> bool {
        let over = self.begun.elapsed() >= SPELL;
        if over {
            std::thread::sleep(REST);
            *self = Self::begin();
        }
        over
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_ends_a_spell_and_another_begins() {
        let mut young = Spell { begun: Instant::now() + Duration::from_hours(1) };
        assert!(!young.rest_if_over());
        let begun = Instant::now();
        let mut old = Spell { begun: begun.checked_sub(SPELL).unwrap() };
        assert!(old.rest_if_over() && old.begun >= begun + REST);
    }
}
