//! The one place where randomness comes from outside.
use std::io;

/// 32 bytes from the operating system.
pub(crate) fn from_system() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
