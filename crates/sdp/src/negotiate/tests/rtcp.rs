//! Where RTCP goes, and in which form.
use super::*;

const PLAIN: &str = "m=audio 9000 RTP/AVP 0\n";

fn without() -> Local {
    Local { rtcp_mux: false, rtcp_reduced: false, ..phone() }
}

fn says(description: &SessionDescription, name: &str) -> bool {
    description.media[0].lines.value(name).is_some()
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    let to = |lines: &str| {
        answered(&phone(), &format!("m=audio 9000 RTP/AVP 0\n{lines}")).unwrap().1.remote_rtcp.to_string()
    };
    assert_eq!(to(""), "198.51.100.7:9001");
    assert_eq!(to("a=rtcp:53020\n"), "198.51.100.7:53020");
    assert_eq!(to("a=rtcp:53020 IN IP6 2001:db8::1\n"), "[2001:db8::1]:53020");
    assert_eq!(to("a=rtcp:99999\n"), "198.51.100.7:9001");
    assert_eq!(to("a=rtcp:0\n"), "198.51.100.7:9001");
    let top = read("m=audio 65535 RTP/AVP 0\n");
    assert_eq!(answer(&phone(), Direction::SendRecv, &fresh(), &top).unwrap().1.remote_rtcp.port(), 65_535);
}

/// RFC 5761 §5.1.1, RFC 5506 §5: only if both say so, and never in an answer to an offer without it.
#[test]
fn shared_port_and_reduced_size_hold_only_if_both_say_so() {
    for (name, value) in [("rtcp-mux", |agreed: &Agreed| agreed.rtcp_mux), ("rtcp-rsize", |agreed| agreed.rtcp_reduced)]
        as [(&str, fn(&Agreed) -> bool); 2]
    {
        let with = format!("{PLAIN}a={name}\n");
        for (us, theirs, both) in [(&phone(), &with[..], true), (&phone(), PLAIN, false), (&without(), &with, false)] {
            let (ours, at_answerer) = answered(us, theirs).unwrap();
            let offer = offer(us, Direction::SendRecv, &fresh());
            let at_offerer = accept(&offer, &read(theirs)).unwrap();
            assert_eq!(says(&offer, name), *us == phone(), "{name}: it is offered by who can");
            assert_eq!([says(&ours, name), value(&at_answerer), value(&at_offerer)], [both; 3], "{name} {theirs}");
        }
    }
}

/// The fallback of an offer that is not answered in kind is the port of its own that either side has named.
#[test]
fn a_shared_port_makes_other_ports_meaningless() {
    let to = |lines: &str| answered(&phone(), &format!("{PLAIN}{lines}")).unwrap().1.remote_rtcp.port();
    assert_eq!((to("a=rtcp-mux\n"), to("a=rtcp-mux\na=rtcp:9100\n"), to("a=rtcp:9100\n")), (9000, 9000, 9100));
    let ours = offer(&phone(), Direction::SendRecv, &fresh());
    let to = |lines: &str| accept(&ours, &read(&format!("{PLAIN}{lines}"))).unwrap().remote_rtcp.port();
    assert_eq!((to("a=rtcp-mux\n"), to("a=rtcp:9100\n"), to("")), (9000, 9100, 9001));
    let apart = Local { rtcp_port: 5005, ..phone() };
    assert_eq!(offer(&apart, Direction::SendRecv, &fresh()).media[0].lines.value("rtcp"), Some("5005"));
}

/// RFC 5761 §5.1.1, RFC 8829 §5.2.2: a later description says what was agreed, it does not ask for more.
#[test]
fn what_the_first_exchange_settled_stays() {
    let (with, us) = (format!("{PLAIN}a=rtcp-mux\na=rtcp-rsize\n"), phone());
    for (first, second, third) in [(&with[..], &with[..], true), (PLAIN, &with, false), (&with, PLAIN, false)] {
        // We answer, and answer again.
        let mut history = fresh();
        for theirs in [first, second] {
            let theirs = read(theirs);
            let (ours, _) = answer(&us, Direction::SendRecv, &history, &theirs).unwrap();
            history.record(&ours);
            history.settle(&ours, &theirs);
        }
        let next = offer(&us, Direction::SendRecv, &history);
        assert_eq!([says(&next, "rtcp-mux"), says(&next, "rtcp-rsize")], [third; 2], "answered {first} {second}");
        // We offer, and are offered.
        let mut history = fresh();
        let ours = offer(&us, Direction::SendRecv, &history);
        history.record(&ours);
        history.settle(&ours, &read(first));
        let hold = offer(&us, Direction::SendOnly, &history);
        assert_eq!(says(&hold, "rtcp-mux"), first == with, "asked again as agreed");
        history.record(&hold);
        let (ours, agreed) = answer(&us, Direction::SendRecv, &history, &read(second)).unwrap();
        assert_eq!([says(&ours, "rtcp-mux"), agreed.rtcp_mux], [third; 2], "offered {first} {second}");
    }
}

/// RFC 3261 §13.2.1: an early answer may be of a fork that loses, RFC 5761 §5.1.2.
#[test]
fn the_answer_of_another_fork_replaces_the_first() {
    let (mut history, with) = (fresh(), read(&format!("{PLAIN}a=rtcp-mux\n")));
    let ours = offer(&phone(), Direction::SendRecv, &history);
    history.record(&ours);
    history.settle(&ours, &read(PLAIN));
    history.settle(&ours, &with);
    assert!(says(&offer(&phone(), Direction::SendOnly, &history), "rtcp-mux"));
    // A rejected stream settles nothing.
    history.settle(&ours, &read("m=audio 0 RTP/AVP 0\n"));
    assert!(says(&offer(&phone(), Direction::SendOnly, &history), "rtcp-mux"));
}

/// RFC 5761 §4: such a packet with its marker bit looks like RTCP.
#[test]
fn no_shared_port_for_payload_types_that_look_like_rtcp() {
    for (number, shared) in [(63, true), (64, false), (72, false), (95, false), (96, true)] {
        let text = format!("m=audio 9000 RTP/AVP {number}\na=rtpmap:{number} opus/48000/2\na=rtcp-mux\n");
        let (ours, agreed) = answered(&phone(), &text).unwrap();
        assert_eq!((says(&ours, "rtcp-mux"), agreed.rtcp_mux), (shared, shared), "{number}");
    }
}
