//! What transactions and dialogs are used for: small machines, driven by the endpoint.

pub mod answering;
pub mod notifier;
pub mod registration;
pub mod reliable;
pub mod session_timer;
pub mod subscription;
