use super::*;

fn ips(texts: &[&str]) -> Answer {
    Answer::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
    Srv { priority, weight, port, target: target.into() }
}

fn naptr(order: u16, service: &str, replacement: &str) -> Naptr {
    Naptr { order, preference: 0, flags: "s".into(), service: service.into(), replacement: replacement.into() }
}

/// The queries asked and the targets found.
fn lookup(uri: &str, zone: &dyn Fn(&Query) -> Answer) -> (Vec<String>, Vec<String>) {
    let question = Question::for_uri(&uri.parse().unwrap(), None).unwrap();
    let mut lookup = Lookup::new(question, [3; 32]);
    let mut asked = Vec::new();
    while let Some(query) = lookup.query() {
        asked.push(match &query {
            Query::Naptr(name) => format!("NAPTR {name}"),
            Query::Srv(name) => format!("SRV {name}"),
            Query::Addresses(name) => format!("A {name}"),
        });
        let answer = zone(&query);
        lookup.answer(answer);
    }
    (asked, lookup.into_targets().iter().map(|t| format!("{} {}", t.transport, t.addr)).collect())
}

fn nothing(_: &Query) -> Answer {
    Answer::Nothing
}

#[test]
fn literal_addresses_ask_nothing() {
    for (uri, target) in [
        ("sip:bob@192.0.2.1", "UDP 192.0.2.1:5060"),
        ("sip:bob@192.0.2.1:5070", "UDP 192.0.2.1:5070"),
        ("sip:bob@192.0.2.1;transport=tcp", "TCP 192.0.2.1:5060"),
        ("sip:bob@192.0.2.1;transport=TCP", "TCP 192.0.2.1:5060"),
        ("sip:[2001:db8::1]", "UDP [2001:db8::1]:5060"),
        ("sip:bob@example.com;maddr=192.0.2.9", "UDP 192.0.2.9:5060"),
    ] {
        assert_eq!(lookup(uri, &nothing), (vec![], vec![target.to_owned()]), "{uri}");
    }
}

#[test]
fn what_cannot_be_reached_is_no_question() {
    for uri in ["sips:bob@example.com", "sip:bob@example.com;transport=sctp", "tel:+123"] {
        assert_eq!(Question::for_uri(&uri.parse().unwrap(), None), None, "{uri}");
    }
}

#[test]
fn a_port_excludes_naptr_and_srv() {
    let (asked, targets) = lookup("sip:bob@example.com:5070", &|_| ips(&["192.0.2.1", "2001:db8::1"]));
    assert_eq!(asked, ["A example.com"]);
    assert_eq!(targets, ["UDP 192.0.2.1:5070", "UDP [2001:db8::1]:5070"]);
}

#[test]
fn naptr_names_the_services_in_order_and_unknown_ones_are_passed_over() {
    let (asked, targets) = lookup("sip:bob@example.com.", &|query| match query {
        Query::Naptr(_) => Answer::Naptr(vec![
            naptr(20, "SIP+D2U", "_sip._udp.example.com."),
            naptr(5, "SIPS+D2T", "_sips._tcp.example.com."),
            naptr(10, "sip+d2t", "_sip._tcp.example.com"),
        ]),
        Query::Srv(name) if name.contains("_tcp") => Answer::Srv(vec![srv(0, 0, 5062, "one.example.com.")]),
        Query::Srv(_) => Answer::Srv(vec![srv(0, 0, 5064, "two.example.com")]),
        Query::Addresses(name) if name == "one.example.com" => ips(&["192.0.2.1"]),
        Query::Addresses(_) => ips(&["192.0.2.2"]),
    });
    assert_eq!(
        asked,
        [
            "NAPTR example.com",
            "SRV _sip._tcp.example.com",
            "A one.example.com",
            "SRV _sip._udp.example.com",
            "A two.example.com"
        ]
    );
    assert_eq!(targets, ["TCP 192.0.2.1:5062", "UDP 192.0.2.2:5064"]);
}

#[test]
fn without_naptr_srv_and_without_srv_the_host_itself() {
    let (asked, targets) = lookup("sip:example.com", &|query| match query {
        Query::Addresses(_) => ips(&["192.0.2.1"]),
        _ => Answer::Nothing,
    });
    assert_eq!(asked, ["NAPTR example.com", "SRV _sip._udp.example.com", "SRV _sip._tcp.example.com", "A example.com"]);
    assert_eq!(targets, ["UDP 192.0.2.1:5060"]);
    let (asked, targets) = lookup("sip:example.com;transport=tcp", &|query| match query {
        Query::Addresses(_) => ips(&["192.0.2.1"]),
        _ => Answer::Nothing,
    });
    assert_eq!(asked, ["SRV _sip._tcp.example.com", "A example.com"]);
    assert_eq!(targets, ["TCP 192.0.2.1:5060"]);
}

#[test]
fn priorities_order_and_weights_draw() {
    let records = vec![srv(2, 0, 1, "c"), srv(1, 90, 1, "a"), srv(1, 10, 1, "b"), srv(1, 0, 1, "z")];
    let mut first = [0; 3];
    for seed in 0..200 {
        let ordered = order_srv(records.clone(), &mut ChaCha8Rng::from_seed([seed; 32]));
        assert_eq!(ordered[3].target, "c");
        first[["a", "b", "z"].iter().position(|name| *name == ordered[0].target).unwrap()] += 1;
    }
    assert!(first[0] > 150 && first[1] > 5 && first[2] < 20, "{first:?}");
    let draw = |seed| order_srv(records.clone(), &mut ChaCha8Rng::from_seed([seed; 32]));
    assert_eq!(draw(1), draw(1));
}

#[test]
fn a_zone_without_end_comes_to_an_end() {
    let many = |query: &Query| match query {
        Query::Naptr(_) => Answer::Naptr((0..1000).map(|i| naptr(i, "SIP+D2U", &format!("x{i}"))).collect()),
        Query::Srv(_) => Answer::Srv((0..1000).map(|i| srv(i, 1, 1, &format!("h{i}"))).collect()),
        Query::Addresses(_) => Answer::Nothing,
    };
    let (asked, targets) = lookup("sip:example.com", &many);
    assert!(asked.len() <= 2 * MAX_TARGETS);
    assert!(targets.is_empty());
    let (_, targets) = lookup("sip:example.com:5060", &|_| {
        Answer::Addresses((0..1000u32).map(|i| IpAddr::from((0x0a00_0000 + i).to_be_bytes())).collect())
    });
    assert_eq!(targets.len(), MAX_TARGETS);
    let (asked, targets) = lookup("sip:example.com;transport=udp", &|query| match query {
        Query::Srv(_) => Answer::Srv(vec![srv(0, 0, 0, ".")]),
        _ => Answer::Nothing,
    });
    assert_eq!((asked.len(), targets.len()), (2, 0), "the service is said not to be there");
}
