//! The device's callback may not allocate: everything that it calls is run under a counting allocator.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::alloc::System;

use media::device;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The only test of this file. The allocator counts all threads, and that of the test harness may have something to do
/// at the same time, once: so one of a few rounds must be clean, which none is if a callback allocates.
#[test]
fn callbacks_only_copy() {
    let rounds: Vec<_> = (0..3).map(|_| allocations_of_callbacks()).collect();
    assert!(rounds.contains(&(0, 0, 0)), "allocated, grown, freed: {rounds:?}");
    // The counter counts.
    let region = Region::new(ALLOCATOR);
    drop(vec![0u8; 100]);
    assert!(region.change().allocations >= 1);
}

fn allocations_of_callbacks() -> (usize, usize, usize) {
    let (_line, mut playout, mut capture) = device::line(48_000, 44_100);
    let mut mono = [0.0f32; 480];
    let mut stereo = [0i16; 960];
    let loss = playout.loss();
    loss.doubt("the first time may allocate");
    let region = Region::new(ALLOCATOR);
    // A hundred seconds and more: both rings run full and empty many times.
    for _ in 0..10_000 {
        playout.pull(&mut mono);
        playout.pull_frames(&mut stereo, 2, |sample| (sample * 32_767.0) as i16);
        capture.push(&mono);
        capture.push_frames(&stereo, 2, |sample| f32::from(sample) / 32_768.0);
        loss.doubt("again");
    }
    let change = region.change();
    (change.allocations, change.reallocations, change.deallocations)
}
