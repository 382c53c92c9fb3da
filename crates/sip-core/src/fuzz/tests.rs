use super::*;
use proptest::prelude::*;
use std::{fs, path::Path};

/// Every file under `tests/corpus`, and where `stream-*` and `uri-*` say so, only for those bodies.
#[test]
fn the_corpus() {
    let mut count = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let data = fs::read(&path).unwrap();
            count += 1;
            message(&data);
            uri(&data);
            body(&data);
            for cut in [0, 1, 6, 99, 255] {
                stream(&[&[cut], &data[..]].concat());
                stream(&[&[cut], &data[..], &data[..], b"\r\n\r\n"].concat());
            }
        }
    }
    assert!(count > 61, "only {count} files");
}

/// Bytes that look like SIP often enough.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => prop::sample::select(vec![b';', b',', b'"', b'<', b'>', b' ', b'\\', b':', b'=', b'(', b'@', b'[', b'%']).prop_map(|c| vec![c]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const PIECES: &[&str] = &[
    "INVITE sip:a@b SIP/2.0\r\n",
    "SIP/2.0 200 OK\r\n",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKx\r\n",
    "v: SIP / 2.0 / TCP [::1]:1 ;received=1.2.3.4,",
    "From: \"A \\\" B\" <sip:a@b;x>;tag=1\r\n",
    "t: sip:b@c;tag=2\r\n",
    "m: <sip:a@b?X=%41>;q=0.5;expires=9, *",
    "Call-ID: x@y\r\n",
    "CSeq: 1 INVITE\r\n",
    "Content-Length: 4\r\n",
    "l: 0\r\n",
    "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n",
    "Retry-After: 5 (a (b))\r\n",
    "Warning: 399 a \"b\"\r\n",
    "WWW-Authenticate: Digest realm=\"a\", nonce=b,\r\n",
    "User-to-User: 56a390;encoding=hex\r\n",
    "History-Info: <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1\r\n",
    "\r\n ",
    "\r\n",
    "\r\n\r\n",
    "body",
    "é",
];

const BODIES: &[&str] = &[
    "SIP/2.0 180 Ringing\r\n",
    "SIP/2.0 ",
    "<dialog-info version=\"1\" state=\"full\" entity=\"sip:a@b\">",
    "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"partial\" entity=\"&amp;\">",
    "</dialog-info>",
    "<dialog id=\"1\" call-id=\"c\" local-tag=\"l\" remote-tag=\"r\" direction=\"initiator\">",
    "<dialog id=\"2\">",
    "</dialog>",
    "<state>confirmed</state>",
    "<state event=\"x\">terminated</state>",
    "<remote><identity display=\"A &lt;\">sip:a@b</identity></remote>",
    "<!-- c -->",
    "&#65;",
    "<",
];

proptest! {
    #[test]
    fn any_message(data in wire()) {
        message(&data);
    }

    #[test]
    fn any_request(tail in wire()) {
        let head = "INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP a\r\nf: sip:a@b\r\nt: sip:b@c\r\ni: x\r\nCSeq: 1 INVITE\r\n";
        message(&[head.as_bytes(), &tail[..], b"\r\n\r\n"].concat());
    }

    /// A status line, a document, or pieces of either.
    #[test]
    fn any_body(pieces in prop::collection::vec(prop::sample::select(BODIES), 0..12), end in any::<Vec<u8>>()) {
        body(&[pieces.concat().as_bytes(), &end[..]].concat());
        body(pieces.concat().as_bytes());
    }

    #[test]
    fn any_stream(data in wire()) {
        stream(&data);
    }

    #[test]
    fn any_uri(text in "(sips?|tel|x):[a-z0-9%:@;?=&.\\[\\]+*#-]{0,20}(@[a-z0-9.\\[\\]:]{0,8})?(;[a-z=%0-9]{0,6})*(\\?[a-z=&%0-9]{0,8})?") {
        uri(text.as_bytes());
    }
}
