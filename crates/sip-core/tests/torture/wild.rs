//! What real peers sent: Asterisk 22, Kamailio 5.6, PJSIP 2.15, baresip 1.0, linphone 5.1.

use crate::facts::{Row, Verdict::Sound, check, read};
use sip_core::header::{
    AlertInfo, CallInfo, Event, MinSe, PAssertedIdentity, ProxyAuthenticate, Reason, RecordRoute, ReferTo, Refresher,
    Replaces, SessionExpires, SubscriptionState, Warning, WwwAuthenticate,
};

#[test]
fn wild() {
    check("wild", ROWS);
}

const ROWS: &[Row] = &[
    (
        "asterisk-401-two-challenges",
        "",
        Sound,
        &[("status", "401"), ("to tag", "z9hG4bKPjSXuRvdFd2xi1HI7WCwxs59jt4-Vo.fy2")],
    ),
    ("asterisk-422", "", Sound, &[("status", "422"), ("via received", "127.0.0.1"), ("cseq", "17 INVITE")]),
    ("asterisk-488-warning", "", Sound, &[("status", "488"), ("reason", "Not Acceptable Here")]),
    ("asterisk-cancel-two-reasons", "", Sound, &[("method", "CANCEL"), ("uri uri-params", "ob"), ("to tag", "-")]),
    ("asterisk-invite-auto-answer", "", Sound, &[("from display", "Alice"), ("body", "364")]),
    ("asterisk-notify-dialog", "", Sound, &[("call-id", "0.8757173310069325@raw"), ("body", "228")]),
    ("asterisk-notify-mwi", "", Sound, &[("to tag", "-"), ("body", "49")]),
    ("asterisk-notify-refer", "", Sound, &[("cseq", "12801 NOTIFY"), ("body", "20")]),
    (
        "baresip-invite-dtls",
        "",
        Sound,
        &[("value Supported", ""), ("contact user", "1012-0x558c461d8840"), ("body", "629")],
    ),
    ("kamailio-407", "", Sound, &[("status", "407"), ("via transaction", "z9hG4bKPj0TJyHhaUC3VZhDCTFjT-z3tMrZho7-ii")]),
    (
        "kamailio-invite-record-route",
        "",
        Sound,
        &[("vias", "2"), ("max-forwards", "69"), ("to uri", "sip:2002@127.0.0.1")],
    ),
    // No Content-Length: the datagram's end is the message's.
    (
        "linphone-refer-bare",
        "",
        Sound,
        &[("value Refer-To", "sip:600@127.0.0.1"), ("value Content-Length", "-"), ("body", "0")],
    ),
    ("pjsip-info-dtmf", "", Sound, &[("value Content-Type", "application/dtmf-relay"), ("body", "22")]),
    ("pjsip-refer-replaces", "", Sound, &[("contact uri", "sip:1002@127.0.0.1:7002;ob")]),
    ("pjsip-register-md5", "", Sound, &[("value Content-Length", "0"), ("uri", "sip:127.0.0.1:5160")]),
    ("pjsip-update-timer", "", Sound, &[("via port", "7009"), ("body", "309")]),
];

#[test]
fn attended_transfer() {
    let refer = read("wild/pjsip-refer-replaces");
    let target = refer.fields().get::<ReferTo<'_>>().unwrap().uri().unwrap().into_sip().unwrap();
    let replaces = target.header("Replaces").unwrap();
    let replaces = <Replaces<'_> as sip_core::header::Header<'_>>::parse(&replaces).unwrap();
    assert_eq!(replaces.call_id, "iLcqIYRuLDWENpbAkvp2bQp5P0TQhLap");
    assert_eq!(replaces.local_tag, "e3a7efb2-5e90-4851-b3b0-8841dda7d2ca");
    assert_eq!(replaces.remote_tag, "klQO1BUg4v6wdkKe7HU2JxqZRY-5qNTZ");
    assert_eq!(target.without_headers().to_string(), "sip:1003@127.0.0.1:5160");

    let notify = read("wild/asterisk-notify-refer");
    assert_eq!(notify.fields().get::<Event<'_>>().unwrap().package, "refer");
    let state = notify.fields().get::<SubscriptionState<'_>>().unwrap();
    assert_eq!((state.is_terminated(), state.expires()), (false, Some(599)));
    assert!(notify.fields().content_type().unwrap().is("message/sipfrag"));
}

#[test]
fn auto_answer() {
    let invite = read("wild/asterisk-invite-auto-answer");
    assert_eq!(invite.fields().get::<CallInfo<'_>>().unwrap().answer_after(), Some(0));
    assert_eq!(invite.fields().get::<AlertInfo<'_>>().unwrap().params.get("info"), Some("alert-autoanswer"));
    assert_eq!(invite.fields().get::<PAssertedIdentity<'_>>().unwrap().display().unwrap(), "Alice");
    assert!(invite.fields().has_token(sip_core::header::Name::Supported, "histinfo"));
}

#[test]
fn reasons_and_warnings() {
    let cancel = read("wild/asterisk-cancel-two-reasons");
    let reasons: Vec<_> =
        cancel.fields().all::<Reason<'_>>().map(|r| r.unwrap()).map(|r| (r.protocol, r.cause())).collect();
    assert_eq!(reasons, [("SIP", Some(200)), ("Q.850", Some(26))]);
    let refused = read("wild/asterisk-488-warning");
    let warning = refused.fields().get::<Warning<'_>>().unwrap();
    assert_eq!((warning.code, warning.agent, &*warning.text()), (390, "SIP", "No SDP answer"));
}

#[test]
fn session_timers() {
    let update = read("wild/pjsip-update-timer");
    let expires = update.fields().get::<SessionExpires>().unwrap();
    assert_eq!(expires, SessionExpires { delta_seconds: 90, refresher: Some(Refresher::Uac) });
    assert_eq!(read("wild/asterisk-422").fields().get(), Ok(MinSe(90)));
}

#[test]
fn challenges() {
    let two = read("wild/asterisk-401-two-challenges");
    let algorithms: Vec<_> =
        two.fields().all::<WwwAuthenticate<'_>>().map(|c| c.unwrap().param("algorithm").unwrap()).collect();
    assert_eq!(algorithms, ["SHA-256", "MD5"]);
    let proxy = read("wild/kamailio-407");
    let challenge = proxy.fields().get::<ProxyAuthenticate<'_>>().unwrap();
    assert_eq!((challenge.param("realm").unwrap(), challenge.param("opaque")), ("127.0.0.1".into(), None));
}

#[test]
fn record_route() {
    let invite = read("wild/kamailio-invite-record-route");
    let route = invite.fields().get::<RecordRoute<'_>>().unwrap().uri().unwrap().into_sip().unwrap();
    assert!(route.has_param("lr"));
    assert_eq!(route.param("ftag").unwrap(), "SkfDrwB2ILtspbEPyFsyItlWS7eAe6gf");
}
