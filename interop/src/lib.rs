//! Tests against real SIP peers; `./dev interop` runs them.
