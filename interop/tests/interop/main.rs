//! Calls between `denwa` and real peers. `./dev interop` runs them; `./dev interop hold` those with `hold` in the name.

mod ami;
mod call_in;
mod call_out;
mod dtmf;
mod hang_up;
mod hold;
mod kamailio;
mod refused;
mod register;
mod tcp;
