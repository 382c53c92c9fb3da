//! What becomes of a message, and what can be read in it.

use bytes::Bytes;
use sip_core::{
    Message, Method, Response, frame,
    header::{Contact, From, MaxForwards, Name, NameAddr, To, Via},
    validate::{self, Capabilities},
};
use std::path::Path;

/// What a user agent does with a datagram.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is a sound message, which the user agent can act upon.
    Sound,
    /// A sound request that this user agent cannot do, and says so.
    Unable(u16),
    /// A faulty request that is answered.
    Answered(u16),
    /// Faulty and not to be answered.
    Dropped,
}

/// One line of a table: the message's name, its section, what becomes of it, what is read in it.
pub(crate) type Row = (&'static str, &'static str, Verdict, &'static [(&'static str, &'static str)]);

pub(crate) fn check(folder: &str, rows: &[Row]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut named: Vec<_> = rows.iter().map(|row| format!("{}.dat", row.0)).collect();
    named.sort();
    assert_eq!(files, named, "every file has its row");

    let mut wrong = Vec::new();
    for (name, section, expected, facts) in rows {
        let bytes = Bytes::from(std::fs::read(folder.join(format!("{name}.dat"))).unwrap());
        let (verdict, message) = judge(bytes);
        if verdict != *expected {
            wrong.push(format!("{name} ({section}): {verdict:?}, not {expected:?}"));
        }
        for (key, value) in *facts {
            let found = message.as_ref().map_or("no message".into(), |message| fact(message, key));
            if found != *value {
                wrong.push(format!("{name} ({section}): {key} is {found:?}, not {value:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A message of the corpus that can be read.
pub(crate) fn read(name: &str) -> Message {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(format!("{name}.dat"));
    frame::datagram(std::fs::read(path).unwrap().into()).unwrap().unwrap()
}

/// The three judges in their order, as the lib's manual says.
pub(crate) fn judge(datagram: Bytes) -> (Verdict, Option<Message>) {
    // The table appends what `baddn` lacks, so that it is not refused for that.
    let datagram = if datagram.windows(4).any(|w| w == b"\r\n\r\n") {
        datagram
    } else {
        [&datagram, &b"\r\n"[..]].concat().into()
    };
    let message = match frame::datagram(datagram) {
        Ok(message) => message.expect("no keep-alives here"),
        Err(e) => {
            let Some(request) = e.answerable() else { return (Verdict::Dropped, None) };
            let answer = Response::reply_to(request, e.status(), Some("t")).build();
            assert_eq!(answer.raw(&Name::Via), request.raw(&Name::Via));
            return (Verdict::Answered(e.status().code()), None);
        }
    };
    let verdict = match &message {
        Message::Request(request) => match validate::request(request) {
            Err(rejection) => {
                let answer = rejection.reply(request, Some("t")).build();
                assert_eq!(answer.raw_all(&Name::Via).count(), request.raw_all(&Name::Via).count());
                Verdict::Answered(answer.status().code())
            }
            Ok(()) => match phone().check(request) {
                Err(rejection) => Verdict::Unable(rejection.reply(request, Some("t")).build().status().code()),
                Ok(()) => Verdict::Sound,
            },
        },
        Message::Response(response) => match validate::response(response) {
            Ok(()) => Verdict::Sound,
            Err(_) => Verdict::Dropped,
        },
    };
    (verdict, Some(message))
}

fn phone() -> Capabilities {
    Capabilities {
        methods: [
            Method::Invite,
            Method::Ack,
            Method::Bye,
            Method::Cancel,
            Method::Options,
            Method::Register,
            Method::Message,
            Method::Notify,
            Method::Refer,
            Method::Update,
            Method::Info,
            Method::Prack,
            Method::Subscribe,
        ]
        .into(),
        extensions: ["100rel", "timer", "replaces", "norefersub"].map(Into::into).into(),
        content_types: [
            "application/sdp",
            "text/plain",
            "multipart/mixed",
            "application/simple-message-summary",
            "message/sipfrag",
            "application/dtmf-relay",
            "application/dialog-info+xml",
        ]
        .map(Into::into)
        .into(),
    }
}

/// A fact by its key, as text; `-` when it is not there.
pub(crate) fn fact(message: &Message, key: &str) -> String {
    let fields = message.fields();
    let address = |of: &str| -> Option<NameAddr<'_>> {
        match of {
            "from" => fields.get::<From<'_>>().ok().map(|a| a.0),
            "to" => fields.get::<To<'_>>().ok().map(|a| a.0),
            _ => fields.all::<Contact<'_>>().next()?.ok()?.address(),
        }
    };
    let (of, what) = key.split_once(' ').unwrap_or((key, ""));
    let found = match (of, what) {
        ("method", _) => message.as_request().map(|r| r.method().to_string()),
        ("uri", "") => message.as_request().map(|r| r.uri_str().to_owned()),
        ("uri", part) => message.as_request().and_then(|r| uri_part(&r.uri().ok()?, part)),
        ("status", _) => message.as_response().map(|r| r.status().to_string()),
        ("reason", _) => message.as_response().map(|r| r.reason().to_owned()),
        ("vias", _) => Some(fields.all::<Via<'_>>().filter(Result::is_ok).count().to_string()),
        ("via", part) => fields.top_via().ok().and_then(|via| match part {
            "transport" => Some(via.transport().to_owned()),
            "host" => Some(via.host().to_owned()),
            "ip" => via.host_ip().map(|ip| ip.to_string()),
            "port" => via.port().map(|port| port.to_string()),
            "branch" => via.branch().map(Into::into),
            "transaction" => via.rfc3261_branch().map(Into::into),
            "received" => via.received().map(|ip| ip.to_string()),
            _ => panic!("{key}"),
        }),
        ("from" | "to" | "contact", part) => address(of).and_then(|address| match part {
            "tag" => address.tag().map(Into::into),
            "display" => address.display().map(Into::into),
            "uri" => Some(address.uri_str().to_owned()),
            "params" => Some(address.params().iter().map(|p| p.name).collect::<Vec<_>>().join(",")),
            "q" => Some(address.q().to_string()),
            part => uri_part(&address.uri().ok()?, part),
        }),
        ("contacts", _) => Some(fields.all::<Contact<'_>>().filter(Result::is_ok).count().to_string()),
        ("call-id", _) => fields.call_id().ok().map(Into::into),
        ("cseq", _) => fields.cseq().ok().map(|cseq| cseq.to_string()),
        ("max-forwards", _) => fields.get::<MaxForwards>().ok().map(|n| n.to_string()),
        ("body", _) => Some(fields.body().len().to_string()),
        ("length", _) => Some(message.as_bytes().len().to_string()),
        ("value", name) => fields.value(&name.parse().unwrap()).map(Into::into),
        _ => panic!("no such fact: {key}"),
    };
    found.unwrap_or("-".into())
}

fn uri_part(uri: &sip_core::Uri, part: &str) -> Option<String> {
    let sip = uri.as_sip();
    match part {
        "scheme" => Some(uri.scheme().to_owned()),
        "user" => sip?.user().map(Into::into),
        "host" => Some(sip?.host().to_string()),
        "port" => sip?.port().map(|port| port.to_string()),
        "uri-params" => Some(sip?.params().map(|(name, _)| name).collect::<Vec<_>>().join(",")),
        "uri-headers" => {
            Some(sip?.headers().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
        }
        _ => panic!("no such part: {part}"),
    }
}
