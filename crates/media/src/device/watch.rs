//! Devices that come and go.
//!
//! No sound system tells that to cpal's users in all places, so a thread of its own asks every two seconds.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{DeviceError, DeviceInfo};

/// How often is asked.
const EVERY: Duration = Duration::from_secs(2);

/// Watches the devices until it is dropped.
#[derive(Debug)]
pub struct Watch {
    /// Dropping it ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// `look` asks what there is ([`devices`](super::cpal::devices)); `tell` is called, on the thread that asks, whenever that
    /// is something else than before.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        look: impl FnMut() -> Result<Vec<DeviceInfo>, DeviceError> + Send + 'static,
        tell: impl FnMut(Vec<DeviceInfo>) + Send + 'static,
    ) -> Result<Watch, DeviceError> {
        Watch::every(EVERY, changes(look, tell))
    }

    fn every(pause: Duration, mut ask: impl FnMut() + Send + 'static) -> Result<Watch, DeviceError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let run = move || {
            loop {
                ask();
                if stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("denwa-devices".into())
            .spawn(run)
            .map_err(|error| DeviceError::Thread(error.to_string()))?;
        Ok(Watch { stop: Some(stop), thread: Some(thread) })
    }
}

/// Asks once, and tells what is not as it was. What is there at first is no news.
fn changes(
    mut look: impl FnMut() -> Result<Vec<DeviceInfo>, DeviceError>,
    mut tell: impl FnMut(Vec<DeviceInfo>),
) -> impl FnMut() {
    let mut known = None;
    move || {
        // A sound server that does not answer has no devices: what it had comes back with it.
        let found = look().unwrap_or_default();
        if known.replace(found.clone()).is_some_and(|known| known != found) {
            tell(found);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told already by the panic hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn only_what_changes_is_told() {
        let (told, tells) = mpsc::channel();
        let mut seen: VecDeque<Result<Vec<DeviceInfo>, DeviceError>> = VecDeque::from([
            Ok(vec![DeviceInfo::new("a")]),
            Ok(vec![DeviceInfo::new("a")]),
            Ok(vec![DeviceInfo::new("a"), DeviceInfo::new("b")]),
            Err(DeviceError::Missing("no server".into())),
            Ok(vec![DeviceInfo::new("a")]),
        ]);
        let look = move || seen.pop_front().unwrap_or_else(|| Ok(vec![DeviceInfo::new("a")]));
        let watch = Watch::every(Duration::from_millis(1), changes(look, move |found| drop(told.send(found)))).unwrap();
        let next =
            || tells.recv_timeout(Duration::from_secs(5)).map(|found| found.into_iter().map(|it| it.id).collect());
        assert_eq!(next(), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(next(), Ok(vec![]));
        assert_eq!(next(), Ok(vec!["a".to_owned()]));
        drop(watch);
        assert!(tells.try_recv().is_err());
    }
}
