use bytes::Bytes;
use denwa_benches::Library;
use rsiprtp::sip::SipMessage;

pub(crate) struct Rsiprtp;

impl Library for Rsiprtp {
    const NAME: &'static str = "rsiprtp";
    type Message = SipMessage;

    fn parse(bytes: &Bytes) -> SipMessage {
        SipMessage::parse(bytes).expect("well-formed")
    }

    fn facts(message: &SipMessage) -> u64 {
        let request = message.as_request().expect("a request");
        let contact = request.contact_uri().expect("Contact");
        let lengths = request.via_branch().expect("Via").len()
            + request.from_tag().expect("From").len()
            + request.to_tag().map_or(0, |tag| tag.len())
            + request.call_id().expect("Call-ID").len()
            + contact.user().map_or(0, str::len);
        // It has no reader for Content-Length: it cuts the body by it, so the body is as long.
        lengths as u64 + u64::from(request.cseq().expect("CSeq")) + request.body().len() as u64
    }

    fn print(message: &SipMessage) -> usize {
        message.to_bytes().len()
    }
}
