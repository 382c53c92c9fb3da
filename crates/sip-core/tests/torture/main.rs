//! Messages made to break parsers, and messages of real peers: what is expected of each.

#![allow(clippy::unwrap_used)] // a test's helpers are tests

mod facts;
mod rfc4475;
mod rfc5118;
mod wild;
