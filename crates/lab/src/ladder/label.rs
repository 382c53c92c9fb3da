//! What to write on an arrow: read off the bytes without any parser, so that what is wrong on the wire shows too.

use bytes::Bytes;

pub(super) enum Label {
    Text(String),
    Rtp,
    Rtcp,
}

pub(super) fn of(bytes: &Bytes) -> Label {
    if let [first, second, ..] = bytes[..]
        && first >> 6 == 2
    {
        // RFC 5761 §4: RTCP packet types lie where RTP payload types 64 to 95 with the marker bit would.
        return if (192..=223).contains(&second) { Label::Rtcp } else { Label::Rtp };
    }
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return Label::Text("keep-alive".to_owned());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut label = sip(&text).unwrap_or_else(|| format!("{} bytes", bytes.len()));
    if let Some(direction) = sdp(&text) {
        label.push_str(" · sdp");
        if direction != "sendrecv" {
            label.push(' ');
            label.push_str(direction);
        }
    }
    Label::Text(label)
}

fn sip(text: &str) -> Option<String> {
    let first = text.lines().next()?;
    if let Some(status) = first.strip_prefix("SIP/2.0 ") {
        let method = header(text, "cseq").and_then(|value| value.split_whitespace().nth(1)).unwrap_or("?");
        return Some(format!("{status} ({method})"));
    }
    if let Some(more) = told(text, first) {
        return Some(more);
    }
    plain(first)
}

/// What a request within a call tells beside its name: who is there, where to go, how it went.
fn told(text: &str, first: &str) -> Option<String> {
    let label = plain(first)?;
    let method = first.split(' ').next()?;
    let within = header(text, "to").is_some_and(|to| to.contains("tag="));
    let more = match method {
        "UPDATE" | "INVITE" if within => format!("is {}", user(header(text, "p-asserted-identity")?)),
        "REFER" => {
            let to = header(text, "refer-to")?;
            format!("to {}{}", user(to), if to.contains("Replaces") { " replacing" } else { "" })
        }
        "NOTIFY" => match text.split_once("\r\n\r\n")?.1 {
            fragment if fragment.starts_with("SIP/2.0 ") => fragment.lines().next()?[8..].to_owned(),
            body => body.split_once("<state>").and_then(|(_, rest)| Some(rest.split_once('<')?.0.to_owned()))?,
        },
        _ => return None,
    };
    Some(format!("{label} · {more}"))
}

/// The user of an address.
fn user(address: &str) -> &str {
    let from = address.find("sip:").map_or(0, |at| at + 4);
    address[from..].split(['@', '>', ';', '?']).next().unwrap_or_default()
}

fn plain(first: &str) -> Option<String> {
    let mut words = first.split(' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    if version != "SIP/2.0" {
        return None;
    }
    let address = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    Some(match address.split_once('@') {
        Some((user, _)) => format!("{method} {user}"),
        // Without a user the host is an address of the world, which says nothing.
        None => method.to_owned(),
    })
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The direction of the first stream in a body that looks like SDP.
fn sdp(text: &str) -> Option<&str> {
    let (_, body) = text.split_once("\r\n\r\n")?;
    if !body.starts_with("v=0") {
        return None;
    }
    let direction = body
        .lines()
        .filter_map(|line| line.strip_prefix("a="))
        .find(|attribute| matches!(*attribute, "sendrecv" | "sendonly" | "recvonly" | "inactive"));
    Some(direction.unwrap_or("sendrecv"))
}
