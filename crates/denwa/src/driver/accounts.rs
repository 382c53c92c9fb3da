//! Accounts: from the facade's words to the endpoint's and back.
use super::Driver;
use super::waiting::Binding;
use crate::account::{Account, Transport};
use crate::error::Error;
use crate::event::{AccountId, AccountState, Event, Registration};
use crate::handle::{Reached, Reply};
use sip_core::endpoint::{AccountConfig, Failure, Misuse, RegistrationState};
use std::io;
use std::time::{Duration, Instant};

/// A connection without a registration on it is kept this long.
const MIN_IDLE: Duration = Duration::from_secs(600);

const DOING: &str = "the registration";

impl Driver {
    pub(super) fn add_account(&mut self, account: Account) -> Reached {
        let profile = *account.0;
        let mut config = AccountConfig::new(profile.aor.clone());
        config.display_name = profile.display_name.clone();
        config.registrar = profile.registrar.clone();
        config.proxy = profile.proxy.clone();
        config.username = profile.username.clone();
        config.password = profile.password.clone();
        config.expires = profile.expires;
        config.transport = profile.transport.map(|transport| match transport {
            Transport::Udp => sip_core::endpoint::Transport::Udp,
            Transport::Tcp => sip_core::endpoint::Transport::Tcp,
        });
        let id = AccountId(self.endpoint.add_account(config));
        let state = AccountState { id, aor: profile.aor.clone(), registration: Registration::Unregistered };
        self.profiles.insert(id, profile);
        #[cfg(feature = "ami")]
        self.listen_to_manager(id);
        Reached::Account(id, self.board.add_account(state))
    }

    pub(super) fn register(&mut self, now: Instant, id: AccountId, reply: Reply) {
        match self.endpoint.register(now, id.0) {
            Ok(()) => self.waiting.for_account(id, Binding::Registered, reply),
            Err(misuse) => drop(reply.send(Err(account_misuse("register", misuse)))),
        }
    }

    pub(super) fn unregister(&mut self, now: Instant, id: AccountId, reply: Reply) {
        if self.board.registration(id).is_some_and(|now| *now.borrow() == Registration::Unregistered) {
            drop(reply.send(Ok(Reached::Agreed)));
            return;
        }
        match self.endpoint.unregister(now, id.0) {
            Ok(()) => self.waiting.for_account(id, Binding::Unregistered, reply),
            Err(misuse) => drop(reply.send(Err(account_misuse("unregister", misuse)))),
        }
    }

    pub(super) fn remove_account(&mut self, now: Instant, id: AccountId) -> Result<(), Error> {
        self.unwatch_slots(now, id);
        self.endpoint.remove_account(now, id.0).map_err(|misuse| account_misuse("remove", misuse))?;
        self.board.remove_account(id);
        self.profiles.remove(&id);
        self.receptions.remove(&id);
        self.waiting
            .settle_account(id, |_| Some(Err(Error::Misuse { doing: "register", state: "the account was removed" })));
        Ok(())
    }

    pub(super) fn unregister_all(&mut self, now: Instant) {
        for state in self.board.snapshot().accounts {
            if state.registration != Registration::Unregistered {
                // The one error is that it is gone already.
                let _ = self.endpoint.unregister(now, state.id.0);
            }
        }
    }

    /// How long TCP connections may be silent: for ever while there are calls, else until well after the next refresh of
    /// every registration, so that the registrar reaches us on the connection that we registered by.
    pub(super) fn keep_connections(&self) {
        let granted = self.board.registrations().into_iter().map(|registration| match registration {
            Registration::Registered { expires_in } => expires_in * 2,
            _ => Duration::ZERO,
        });
        let idle = granted.chain([MIN_IDLE]).max();
        self.sockets.streams.set_idle(idle.filter(|_| self.lines.is_empty()));
    }

    /// What the endpoint says of a binding.
    pub(super) fn registration(&mut self, now: Instant, id: AccountId, state: RegistrationState) {
        let told = match state {
            RegistrationState::Registering => Registration::Registering,
            RegistrationState::Registered { expires, .. } => Registration::Registered { expires_in: expires },
            RegistrationState::Unregistered => Registration::Unregistered,
            RegistrationState::Failed { status, reason, retry_in, .. } => {
                Registration::Failed { status: status.code(), reason, retry_in }
            }
            _ => return,
        };
        let status = if let Registration::Failed { status, .. } = &told { Some(*status) } else { None };
        let registered = matches!(told, Registration::Registered { .. });
        tracing::debug!(account = %id, registered, status, "registration");
        if !self.board.set_registration(id, told.clone()) {
            return; // removed: nobody is there to be told
        }
        self.waiting.settle_account(id, |want| match (&told, want) {
            (Registration::Registered { .. }, Binding::Registered) => Some(Ok(())),
            (Registration::Unregistered, Binding::Unregistered) => Some(Ok(())),
            (Registration::Unregistered, Binding::Registered) => {
                Some(Err(Error::Misuse { doing: "register", state: "the account was unregistered meanwhile" }))
            }
            (Registration::Failed { status, reason, .. }, _) => Some(Err(registration_error(*status, reason))),
            _ => None,
        });
        if registered {
            self.watch_slots(now, id);
        }
        self.publish(Event::Account { id, state: told });
        self.keep_connections();
    }
}

/// 408 and 503 stand also for "no answer" and "could not be delivered" (RFC 3261 §8.1.3.1); the endpoint's own have its
/// own words.
pub(crate) fn registration_error(status: u16, reason: &str) -> Error {
    if reason == Failure::Timeout.to_string() {
        Error::Timeout { doing: DOING }
    } else if reason == Failure::TransportError.to_string() {
        Error::Network { doing: DOING, source: io::ErrorKind::HostUnreachable.into() }
    } else {
        Error::Refused { doing: DOING, status, reason: reason.to_owned() }
    }
}

fn account_misuse(doing: &'static str, misuse: Misuse) -> Error {
    match misuse {
        Misuse::Gone => Error::Misuse { doing, state: "the account was removed" },
        Misuse::State { doing, state } => Error::Misuse { doing, state },
        Misuse::Argument(state) => Error::Misuse { doing, state },
        _ => Error::Misuse { doing, state: "it cannot be done now" },
    }
}
