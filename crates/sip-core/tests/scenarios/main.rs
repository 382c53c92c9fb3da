//! Endpoints against each other and against scripted peers, in virtual time. One scenario a file.
#![allow(missing_docs, clippy::unwrap_used)]

mod world;

mod answer;
mod bad_input;
mod call;
mod cancel;
mod held;
mod hostile;
mod notify;
mod offers;
mod random;
mod refer;
mod register;
mod reliable;
mod replaces;
mod requests;
mod session_timer;
mod subscribe;
mod transport;
mod update;
