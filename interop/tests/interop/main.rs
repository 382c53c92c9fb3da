//! Calls between `denwa` and real peers. `./dev interop` runs them; `./dev interop hold` those with `hold` in the name.

mod ami;
mod call_in;
mod call_out;
mod dtmf;
mod hang_up;
mod hold;
mod identity;
mod kamailio;
mod keys;
mod park;
mod pickup;
mod refused;
mod register;
mod session_timer;
mod tcp;
mod transfer;
mod trio;
