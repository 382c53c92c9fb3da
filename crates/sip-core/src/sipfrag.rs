//! The status line in a `message/sipfrag` body (RFC 3420).

use crate::status::StatusCode;
use bytes::Bytes;

/// The type of such a body in a NOTIFY about a REFER (RFC 3515 §2.4.5).
pub const CONTENT_TYPE: &str = "message/sipfrag;version=2.0";

/// A body that tells this status. Line ends in the reason are left out.
pub fn status_line(status: StatusCode, reason: &str) -> Bytes {
    let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
    Bytes::from(format!("SIP/2.0 {} {reason}\r\n", status.code()))
}

/// Status and reason phrase of the first line.
pub fn parse(body: &[u8]) -> Option<(StatusCode, String)> {
    let line = body.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty())?;
    let text = std::str::from_utf8(line).ok()?;
    let rest = text.strip_prefix("SIP/2.0")?.trim_start();
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((StatusCode::new(code.parse().ok()?)?, reason.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_a_status_line_or_there_is_none() {
        #[allow(clippy::type_complexity, reason = "a table")]
        let cases: [(&[u8], Option<(u16, &str)>); 8] = [
            (b"SIP/2.0 100 Trying\r\n", Some((100, "Trying"))),
            (b"SIP/2.0 200 OK", Some((200, "OK"))),
            (b"\r\nSIP/2.0 486 Busy Here\nContact: <sip:a@b>\r\n", Some((486, "Busy Here"))),
            (b"SIP/2.0 603", Some((603, ""))),
            (b"INVITE sip:a@b SIP/2.0\r\n", None),
            (b"SIP/2.0 99 Low\r\n", None),
            (b"SIP/2.0 \xff\r\n", None),
            (b"", None),
        ];
        for (body, expected) in cases {
            let found = parse(body);
            let found = found.as_ref().map(|(status, reason)| (status.code(), reason.as_str()));
            assert_eq!(found, expected, "{body:?}");
        }
    }

    #[test]
    fn a_reason_cannot_break_the_line() {
        let status = StatusCode::new(486).unwrap();
        assert_eq!(&status_line(status, "Busy\r\nEvil: yes")[..], b"SIP/2.0 486 BusyEvil: yes\r\n");
        assert_eq!(parse(&status_line(status, "Busy")), Some((status, "Busy".to_owned())));
    }
}
