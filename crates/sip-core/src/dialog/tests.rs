use super::*;
use crate::Message;
use crate::endpoint::Transport;
use bytes::Bytes;

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().unwrap(),
        remote: "10.0.0.9:5060".parse().unwrap(),
    }
}

fn request(more: &str) -> Request {
    let text = format!(
        "INVITE sip:bob@b.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: \"A\" <sip:alice@a.test>;tag=fa\r\n\
         To: Bob <sip:bob@b.test>\r\nCall-ID: call\r\nCSeq: 314 INVITE\r\n{more}\r\n"
    );
    Message::parse(Bytes::from(text)).unwrap().as_request().unwrap().clone()
}

fn response(more: &str) -> Response {
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: \"A\" <sip:alice@a.test>;tag=fa\r\n\
         To: Bob <sip:bob@b.test>;tag=tb\r\nCall-ID: call\r\nCSeq: 314 INVITE\r\n{more}\r\n"
    );
    Message::parse(Bytes::from(text)).unwrap().as_response().unwrap().clone()
}

fn caller(more: &str) -> Dialog {
    Dialog::of_caller(&request("Contact: <sip:alice@10.0.0.1>\r\n"), &response(more), flow()).unwrap()
}

/// Request-URI, Route and next hop.
fn routing(dialog: &Dialog) -> (String, Vec<String>, String) {
    let routing = dialog.routing();
    (routing.uri.to_string(), routing.routes, routing.next_hop.to_string())
}

#[test]
fn both_sides_agree_on_the_dialog() {
    let routes = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n";
    let caller = caller(&format!("{routes}Contact: <sip:bob@10.0.0.2>\r\n"));
    let invite = request(&format!("{routes}Contact: <sip:alice@10.0.0.1>\r\n"));
    let callee = Dialog::of_callee(&invite, "tb", flow()).unwrap();
    assert_eq!(caller.local_tag(), callee.remote_tag());
    assert_eq!(caller.remote_tag(), callee.local_tag());
    assert_eq!(caller.local_uri(), callee.remote_uri());
    assert_eq!(caller.local_address(), "<sip:alice@a.test>;tag=fa");
    assert_eq!(caller.local_address(), callee.remote_address());
    // §12.1.1 in order, §12.1.2 reversed.
    assert_eq!(caller.route_set(), ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!(callee.route_set(), ["<sip:p2;lr>", "<sip:p1;lr>"]);
    assert!(callee.matches("call", "tb", Some("fa")) && !callee.matches("call", "tb", Some("fb")));
    assert!(!callee.matches("call", "fa", Some("tb")) && !callee.matches("Call", "tb", Some("fa")));
}

#[test]
fn a_request_goes_by_the_route_set() {
    let contact = "Contact: <sip:bob@10.0.0.2:5070>\r\n";
    let bare = caller(contact);
    let target = "sip:bob@10.0.0.2:5070".to_owned();
    assert_eq!(routing(&bare), (target.clone(), vec![], target.clone()));
    let loose = caller(&format!("Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n{contact}"));
    let set = vec!["<sip:p1;lr>".to_owned(), "<sip:p2;lr>".to_owned()];
    assert_eq!(routing(&loose), (target.clone(), set, "sip:p1;lr".to_owned()));
    // §12.2.1.1: a strict router wants itself in the Request-URI.
    let strict = caller(&format!("Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1>\r\n{contact}"));
    let set = vec!["<sip:p2;lr>".to_owned(), format!("<{target}>")];
    assert_eq!(routing(&strict), ("sip:p1".to_owned(), set, "sip:p1".to_owned()));
}

#[test]
fn the_target_follows_the_contact_but_not_one_that_is_no_sip_uri() {
    let mut dialog = caller("Contact: <sip:bob@10.0.0.2>\r\n");
    dialog.refresh_target(&response("Contact: <sip:bob@10.0.0.3:5080>\r\n"));
    assert_eq!(dialog.remote_target().to_string(), "sip:bob@10.0.0.3:5080");
    dialog.refresh_target(&response(""));
    dialog.refresh_target(&response("Contact: *\r\n"));
    dialog.refresh_target(&response("Contact: <mailto:bob@b.test>\r\n"));
    assert_eq!(dialog.remote_target().to_string(), "sip:bob@10.0.0.3:5080");
}

#[test]
fn numbers_go_up_on_our_side_and_must_not_go_down_on_theirs() {
    let mut dialog = caller("Contact: <sip:bob@10.0.0.2>\r\n");
    assert_eq!((dialog.next_seq(), dialog.next_seq()), (315, 316));
    assert_eq!(dialog.receive_seq(7), Ok(()), "the first is taken as it is");
    assert_eq!(dialog.receive_seq(100), Ok(()), "gaps are allowed");
    assert_eq!(dialog.receive_seq(100), Ok(()));
    assert_eq!(dialog.receive_seq(99), Err(StatusCode::SERVER_INTERNAL_ERROR));
    assert_eq!(dialog.receive_seq(101), Ok(()));
}

#[test]
fn a_2xx_replaces_the_early_route_set() {
    let mut dialog = caller("Record-Route: <sip:p1;lr>\r\n");
    assert_eq!(dialog.remote_target().to_string(), "sip:bob@b.test", "a 1xx without Contact: where the request went");
    dialog.confirm(&response("Record-Route: <sip:p3;lr>\r\nContact: <sip:bob@10.0.0.2>\r\n"));
    assert_eq!(dialog.route_set(), ["<sip:p3;lr>"]);
    assert_eq!(dialog.remote_target().to_string(), "sip:bob@10.0.0.2");
}

#[test]
fn what_cannot_form_a_dialog_says_why() {
    assert_eq!(Dialog::of_callee(&request(""), "t", flow()), Err(NoDialog("Missing Contact")));
    let many = "Record-Route: <sip:p;lr>\r\n".repeat(MAX_ROUTES + 1) + "Contact: <sip:a@x>\r\n";
    assert_eq!(Dialog::of_callee(&request(&many), "t", flow()), Err(NoDialog("Too Many Routes")));
}

#[test]
fn the_way_is_known_when_the_next_hop_is_where_the_dialog_began() {
    let dialog = caller("Contact: <sip:bob@10.0.0.9>\r\n");
    let question = |dialog: &Dialog| Question::for_uri(&dialog.routing().next_hop, None).unwrap();
    assert_eq!(dialog.known_flow(&question(&dialog)), Some(flow()));
    let mut other = caller("Contact: <sip:bob@10.0.0.2>\r\n");
    let asked = question(&other);
    assert_eq!(other.known_flow(&asked), None);
    let found = Flow { remote: "10.0.0.2:5060".parse().unwrap(), ..flow() };
    other.found(asked.clone(), found);
    assert_eq!(other.known_flow(&asked), Some(found));
    other.lost(&found);
    assert_eq!(other.known_flow(&asked), None);
}

#[test]
fn a_connection_that_the_peer_opened_is_used_for_any_port_of_the_peer() {
    let tcp = Flow { transport: Transport::Tcp, remote: "10.0.0.9:41234".parse().unwrap(), ..flow() };
    let contact = "Contact: <sip:bob@10.0.0.9:5060;transport=tcp>\r\n";
    let question = |dialog: &Dialog| Question::for_uri(&dialog.routing().next_hop, None).unwrap();
    let callee = Dialog::of_callee(&request(contact), "t", tcp).unwrap();
    assert_eq!(callee.known_flow(&question(&callee)), Some(tcp));
    let caller = Dialog::of_caller(&request(""), &response(contact), tcp).unwrap();
    assert_eq!(caller.known_flow(&question(&caller)), None, "ours leads to that one port");
}
