//! What the benchmarks share; `./dev bench` runs them.
//!
//! A single time on a noisy machine proves nothing. So every time here is a median of rounds in which all libraries
//! take turns on the same bytes, next to it stands the ratio within those rounds, and beside both the instructions
//! that callgrind counts, which repeat exactly.
//!
//! - [`Library`] is what one library must be able to do to be compared; [`Denwa`] is ours.
//! - [`message::report`] measures libraries and prints the tables. `cargo bench` calls it with ours alone;
//!   `benches/peers`, a workspace of its own because those crates are heavy, with the peers' too.
//! - [`alloc`] counts allocations, and live bytes for the figures of memory.

pub mod alloc;
pub mod callgrind;
mod denwa;
pub mod message;
pub mod table;

pub use denwa::Denwa;
pub use message::Library;
