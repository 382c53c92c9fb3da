//! Endpoints against each other and against scripted peers, in virtual time. One scenario a file.
#![allow(missing_docs, clippy::unwrap_used)]

mod world;

mod answer;
mod bad_input;
mod call;
mod cancel;
mod held;
mod hostile;
mod offers;
mod random;
mod register;
mod reliable;
mod replaces;
mod requests;
mod session_timer;
mod transport;
mod update;
