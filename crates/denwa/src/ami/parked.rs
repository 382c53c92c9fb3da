//! What Asterisk tells about parked calls, and which of our calls it speaks of.
use super::frame::Message;
use std::time::Duration;

/// One call in a parking slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedCall {
    /// The number to dial to take it back: `701`.
    pub slot: String,
    /// The parking lot that the slot belongs to: `default`.
    pub lot: Option<String>,
    /// Who waits there.
    pub parkee: Channel,
    /// Who parked it, as Asterisk would call it back: `PJSIP/1002`. Not the channel that it spoke on.
    pub parker_dial_string: Option<String>,
    /// How long it may still wait before the parker is called back.
    pub timeout: Option<Duration>,
    /// How long it has waited.
    pub duration: Option<Duration>,
    /// True for an answer to the question that the client asks after signing in: it was parked before.
    pub listed: bool,
}

/// One of Asterisk's channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// `PJSIP/1001-00000003`
    pub name: String,
    /// The number of the one at its end.
    pub number: Option<String>,
    /// The name of the one at its end.
    pub caller_name: Option<String>,
    /// The number that it is, or was, connected with.
    pub connected_number: Option<String>,
    /// Asterisk's name for this channel: `1795353469.3`.
    pub unique_id: Option<String>,
    /// The `unique_id` of the first channel of the same call.
    pub linked_id: Option<String>,
}

impl Channel {
    fn read(message: &Message, whose: &str) -> Option<Self> {
        let text = |field: &str| message.value(&format!("{whose}{field}")).map(str::to_owned);
        Some(Self {
            name: text("Channel")?,
            number: text("CallerIDNum"),
            caller_name: text("CallerIDName"),
            connected_number: text("ConnectedLineNum"),
            unique_id: text("Uniqueid"),
            linked_id: text("Linkedid"),
        })
    }

    /// The endpoint that the channel leads to: `1001`.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        let dial_string = self.name.rsplit_once('-').map_or(self.name.as_str(), |(dial_string, _)| dial_string);
        endpoint(dial_string)
    }
}

/// `PJSIP/1002` leads to `1002`; a `Local/700@internal` to no endpoint.
fn endpoint(dial_string: &str) -> Option<&str> {
    let (technology, rest) = dial_string.split_once('/')?;
    let endpoint = rest.split(['/', '@']).next().filter(|endpoint| !endpoint.is_empty())?;
    (!technology.eq_ignore_ascii_case("Local")).then_some(endpoint)
}

/// What happened to a parked call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkingEvent {
    /// `ParkedCall`: it was put into a slot.
    Parked(ParkedCall),
    /// `ParkedCallSwap`: another took the place of the one in the slot. After `*700`, or a REFER with Replaces to a call to
    /// 700, first the parker is in the slot and then, by this, the one it spoke with.
    Swapped(ParkedCall),
    /// `UnParkedCall`: somebody took it back.
    Unparked {
        /// What was parked.
        call: ParkedCall,
        /// Who took it.
        retriever: Option<Channel>,
    },
    /// `ParkedCallTimeOut`: it waited too long; the parker is called back.
    TimedOut(ParkedCall),
    /// `ParkedCallGiveUp`: the one who waited hung up.
    GaveUp(ParkedCall),
}

impl ParkingEvent {
    pub(super) fn read(message: &Message) -> Option<Self> {
        let kind = message.raw("Event")?;
        if !kind.contains("ParkedCall") {
            return None;
        }
        let seconds = |field| message.value(field)?.parse().ok().map(Duration::from_secs);
        let call = ParkedCall {
            slot: message.value("ParkingSpace")?.to_owned(),
            lot: message.value("Parkinglot").map(str::to_owned),
            parkee: Channel::read(message, "Parkee")?,
            parker_dial_string: message.value("ParkerDialString").map(str::to_owned),
            timeout: seconds("ParkingTimeout"),
            duration: seconds("ParkingDuration"),
            listed: message.raw("ActionID").is_some(),
        };
        Some(match kind {
            "ParkedCall" => Self::Parked(call),
            "ParkedCallSwap" => Self::Swapped(call),
            "UnParkedCall" => Self::Unparked { retriever: Channel::read(message, "Retriever"), call },
            "ParkedCallTimeOut" => Self::TimedOut(call),
            "ParkedCallGiveUp" => Self::GaveUp(call),
            _ => return None,
        })
    }
}

/// What the phone knows of one of its calls, to find it in the server's words.
#[derive(Clone, Copy, Debug)]
pub struct OurCall<'a> {
    /// The name of our account's endpoint in Asterisk. With the usual configuration that is the user part of the address of
    /// record.
    pub endpoint: &'a str,
    /// The other side's number, where there is one.
    pub number: Option<&'a str>,
}

/// How sure it is that a parked call was ours, the surest last.
///
/// Nothing of a SIP dialog is in these events: no Call-ID, no tag. There is only who parked (an endpoint, which several phones may
/// share) and who waits (a number, which the server may have rewritten).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Certainty {
    /// Our endpoint parked it; the number says nothing, being hidden on one of the two sides or that of a Local channel.
    /// Wrong when another phone of the same account parks at that moment.
    Parker,
    /// Our endpoint parked, and our endpoint is in the slot: `*700`, or a call of our own to 700, before the swap. The slot
    /// is right if we have just asked for that.
    Ourselves,
    /// Our endpoint parked it, and the numbers end alike, in six digits or in the whole of one: `0312345678` and
    /// `+81312345678`, `1001` and `91001`.
    Similar,
    /// Our endpoint parked it, and who waits has the other side's number. Wrong only when two of the endpoint's calls are
    /// with the same number.
    Same,
}

/// So many last digits in common make two numbers similar.
const SIMILAR: usize = 6;

/// So many digits a number must have to be found at the end of another.
const SHORTEST: usize = 3;

/// How many digits are the same, from the end.
fn common_digits(a: &str, b: &str) -> usize {
    a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b && a.is_ascii_digit()).count()
}

impl ParkedCall {
    /// How sure it is that this was parked out of that call of ours; `None`: it was not.
    #[must_use]
    pub fn certainty(&self, ours: &OurCall<'_>) -> Option<Certainty> {
        let parker = self.parker_dial_string.as_deref().and_then(endpoint)?;
        if parker != ours.endpoint {
            return None;
        }
        let (number, channel) = (self.parkee.number.as_deref(), self.parkee.endpoint());
        // `*700` parks through a Local channel, which leads to no endpoint and bears our own number.
        if channel == Some(ours.endpoint) || (channel.is_none() && number == Some(ours.endpoint)) {
            return Some(Certainty::Ourselves);
        }
        let (Some(number), Some(theirs)) = (number, ours.number) else {
            return Some(if channel.is_some() && channel == ours.number { Certainty::Same } else { Certainty::Parker });
        };
        match common_digits(number, theirs) {
            _ if number == theirs => Some(Certainty::Same),
            SIMILAR.. => Some(Certainty::Similar),
            // One of the two is the other without its prefix.
            common @ SHORTEST.. if common == number.len().min(theirs.len()) => Some(Certainty::Similar),
            _ => channel.is_none().then_some(Certainty::Parker),
        }
    }

    /// Which of our calls was parked: the one that it is surest of. `None` when it was none of them, or two are equally
    /// likely: then only what the user has just done can tell.
    #[must_use]
    pub fn which(&self, ours: &[OurCall<'_>]) -> Option<(usize, Certainty)> {
        let sure = |call| self.certainty(call);
        let best = ours.iter().filter_map(sure).max()?;
        let mut all = ours.iter().enumerate().filter(|(_, call)| sure(call) == Some(best));
        let (index, _) = all.next()?;
        all.next().is_none().then_some((index, best))
    }
}
