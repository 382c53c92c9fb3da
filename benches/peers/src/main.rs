//! Our messages beside those of the Rust crates that read SIP: the same bytes, the same run. `./dev bench`.

mod ezk;
mod rsip_crate;
mod rsiprtp_crate;
mod rsipstack_crate;

use denwa_benches::{Denwa, message};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let subjects = [
        message::subject::<Denwa>(),
        message::subject::<rsip_crate::Rsip>(),
        message::subject::<rsipstack_crate::Rsipstack>(),
        message::subject::<rsiprtp_crate::Rsiprtp>(),
        message::subject::<ezk::Ezk>(),
    ];
    message::main(&subjects, &arguments);
}
