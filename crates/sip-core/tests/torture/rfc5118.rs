//! RFC 5118: all 12 messages with IPv6 addresses.

use crate::facts::{
    Row,
    Verdict::{Answered, Sound},
    check,
};

#[test]
fn rfc5118() {
    check("ipv6", ROWS);
}

const ROWS: &[Row] = &[
    (
        "ipv6-good",
        "4.1",
        Sound,
        &[
            ("uri host", "[2001:db8::10]"),
            ("uri port", "-"),
            ("via ip", "2001:db8::9:1"),
            ("contact host", "[2001:db8::1]"),
        ],
    ),
    ("ipv6-bad", "4.2", Answered(400), &[("uri", "sip:2001:db8::10")]),
    ("port-ambiguous", "4.3", Sound, &[("uri host", "[2001:db8::10:5070]"), ("uri port", "-")]),
    ("port-unambiguous", "4.4", Sound, &[("uri host", "[2001:db8::10]"), ("uri port", "5070")]),
    (
        "via-received-param-with-delim",
        "4.5",
        Sound,
        &[("via host", "[2001:db8::9:1]"), ("via received", "2001:db8::9:255"), ("via branch", "z9hG4bKas3-111")],
    ),
    ("via-received-param-no-delim", "4.5", Sound, &[("via received", "2001:db8::9:255"), ("via branch", "z9hG4bKas3")]),
    ("ipv6-in-sdp", "4.6", Sound, &[("uri user", "user"), ("uri host", "[2001:db8::10]"), ("body", "251")]),
    (
        "mult-ip-in-header",
        "4.7",
        Sound,
        &[("vias", "3"), ("via ip", "2001:db8::9:1"), ("via port", "6050"), ("to tag", "9817--94")],
    ),
    ("mult-ip-in-sdp", "4.8", Sound, &[("contact host", "[2001:db8::9:1]"), ("body", "189")]),
    (
        "ipv4-mapped-ipv6",
        "4.9",
        Sound,
        &[
            ("vias", "2"),
            ("via ip", "::ffff:192.0.2.10"),
            ("via port", "19823"),
            ("contact display", "T. desk phone"),
            ("contact host", "[::ffff:192.0.2.2]"),
            ("body", "245"),
        ],
    ),
    // An implementation must tolerate both.
    (
        "ipv6-bug-abnf-3-colons",
        "4.10",
        Sound,
        &[("uri host", "[2001:db8::c000:201]"), ("to host", "[2001:db8::c000:201]")],
    ),
    ("ipv6-correct-abnf-2-colons", "4.10", Sound, &[("uri host", "[2001:db8::c000:201]")]),
];
