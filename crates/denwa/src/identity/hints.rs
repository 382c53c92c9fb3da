//! Small things that a message says about how to treat a call.
use super::MAX_VALUES;
use sip_core::header::{AnswerMode, Name, Reason};
use sip_core::{Method, Request};
use std::time::Duration;

/// After how long the caller asks the phone to answer by itself: paging, intercom, click-to-dial. `None`: not at all.
/// Whether that is granted is the account's to say; a call that answers itself is an open microphone.
///
/// Read are, the first that speaks wins:
/// - `Answer-Mode` and `Priv-Answer-Mode` (RFC 5373 §2): `Auto` is at once, `Manual` is never;
/// - `Call-Info: <…>;answer-after=2`, in seconds;
/// - `Alert-Info: <…>;info=alert-autoanswer;delay=0`, in seconds, 0 when absent.
///
/// The last two without their `<…>` as well: dialplans write them so.
#[must_use]
pub fn auto_answer(request: &Request) -> Option<Duration> {
    let modes = [Name::PrivAnswerMode, Name::AnswerMode];
    if let Some(mode) = modes.iter().find_map(|name| request.value(name)) {
        let mode = <AnswerMode<'_> as sip_core::header::Header<'_>>::parse(mode).ok()?;
        return mode.value.eq_ignore_ascii_case("auto").then_some(Duration::ZERO);
    }
    let seconds = |text: &str| text.parse().ok().map(|seconds: u32| Duration::from_secs(seconds.into()));
    let by_call_info = values(request, &Name::CallInfo).find_map(|value| seconds(param(value, "answer-after")?));
    by_call_info.or_else(|| {
        values(request, &Name::AlertInfo)
            .find(|value| param(value, "info").is_some_and(|info| info.eq_ignore_ascii_case("alert-autoanswer")))
            .map(|value| param(value, "delay").and_then(seconds).unwrap_or_default())
    })
}

/// Whether this CANCEL came because another phone has answered: a Reason `SIP;cause=200` (RFC 3326 §2) or
/// `Q.850;cause=26`, "non-selected user clearing", among all its Reasons.
#[must_use]
pub fn answered_elsewhere(cancel: &Request) -> bool {
    cancel.method() == Method::Cancel
        && cancel.all::<Reason<'_>>().take(MAX_VALUES).filter_map(Result::ok).any(|reason| {
            let is =
                |protocol: &str, cause| reason.protocol.eq_ignore_ascii_case(protocol) && reason.cause() == Some(cause);
            is("SIP", 200) || is("Q.850", 26)
        })
}

fn values<'a>(request: &'a Request, name: &Name) -> impl Iterator<Item = &'a str> {
    // A comma within an address would cut it, which does no harm: only parameters are looked for.
    request.values(name).take(MAX_VALUES).flat_map(|line| line.split(',')).take(MAX_VALUES)
}

/// A parameter behind the `<…>`, if there is one.
fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let params = value.rsplit_once('>').map_or(value, |(_, params)| params);
    params
        .split(';')
        .filter_map(|param| param.split_once('='))
        .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"')))
}
