use bytes::Bytes;
use denwa_benches::Library;
use rsipstack::sip::{HasHeaders, Header, HeadersExt, SipMessage, ToTypedHeader};

pub(crate) struct Rsipstack;

impl Library for Rsipstack {
    const NAME: &'static str = "rsipstack";
    type Message = SipMessage;

    fn parse(bytes: &Bytes) -> SipMessage {
        SipMessage::try_from(bytes.clone()).expect("well-formed")
    }

    fn facts(message: &SipMessage) -> u64 {
        let via = message.top_via_header().expect("Via").typed().expect("Via");
        let from = message.from_header().expect("From").typed().expect("From");
        let to = message.to_header().expect("To").typed().expect("To");
        let contact = message.contact_header().expect("Contact").typed().expect("Contact");
        let cseq = message.cseq_header().expect("CSeq").typed().expect("CSeq");
        let length = message.headers().iter().find_map(|header| match header {
            Header::ContentLength(length) => length.value().trim().parse().ok(),
            _ => None,
        });
        let lengths = via.branch().map_or(0, |branch| branch.value().len())
            + from.tag().map_or(0, |tag| tag.value().len())
            + to.tag().map_or(0, |tag| tag.value().len())
            + message.call_id_header().expect("Call-ID").value().len()
            + contact.uri.user().map_or(0, str::len);
        lengths as u64 + u64::from(cseq.seq) + length.unwrap_or(0u64)
    }

    fn print(message: &SipMessage) -> usize {
        message.to_bytes().len()
    }
}
