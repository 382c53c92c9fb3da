//! The system allocator, counted while someone asks.
#![allow(unsafe_code)] // `GlobalAlloc` is an unsafe trait; each method hands its arguments on unchanged

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicI64 = AtomicI64::new(0);
static REQUESTED: AtomicI64 = AtomicI64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Heap use of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `alloc` and `realloc`.
    pub allocations: i64,
    /// Bytes asked for by them.
    pub bytes: i64,
    /// Bytes that the work left allocated; negative if it freed what others had allocated.
    pub live: i64,
}

/// Counts what `work` allocates, on all threads.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Counts) {
    let before = read();
    ON.store(true, Relaxed);
    let result = work();
    ON.store(false, Relaxed);
    let after = read();
    let counts = Counts {
        allocations: after.allocations - before.allocations,
        bytes: after.bytes - before.bytes,
        live: after.live - before.live,
    };
    (result, counts)
}

fn read() -> Counts {
    Counts { allocations: CALLS.load(Relaxed), bytes: REQUESTED.load(Relaxed), live: LIVE.load(Relaxed) }
}

fn note(requested: usize, freed: usize) {
    // Off, this is one load: the times of libraries that allocate much are not made worse by being counted.
    if ON.load(Relaxed) {
        let (requested, freed) = (requested as i64, freed as i64);
        if requested > 0 {
            CALLS.fetch_add(1, Relaxed);
            REQUESTED.fetch_add(requested, Relaxed);
        }
        LIVE.fetch_add(requested - freed, Relaxed);
    }
}

// SAFETY: every method is System's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size, layout.size());
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
