//! Messages out of parts.

use super::{Fields, Message, Request, Response, index::Index};
use crate::{
    header::{Header, Name, To},
    method::Method,
    status::StatusCode,
};
use bytes::Bytes;
use std::{fmt::Display, fmt::Write, marker::PhantomData, ops::Range, sync::Arc};

/// Puts a message together, header fields in the order given.
///
/// No value can break out of its line: CR, LF and NUL in anything handed in come out as spaces (values copied from a
/// message lose their folds the same way, and keep a NUL). Content-Length is the builder's own; one handed in is left out.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder<M> {
    /// One value behind the other, the start line among them.
    text: Vec<u8>,
    start: Range<usize>,
    fields: Vec<(Name, Range<usize>)>,
    body: Bytes,
    kind: PhantomData<M>,
}

/// What a [`Builder`] builds: [`Request`] or [`Response`].
pub trait Build: Sized {
    #[doc(hidden)]
    fn from_message(message: Message) -> Option<Self>;
}

impl Build for Request {
    fn from_message(message: Message) -> Option<Self> {
        match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        }
    }
}

impl Build for Response {
    fn from_message(message: Message) -> Option<Self> {
        match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        }
    }
}

impl Builder<Request> {
    pub(super) fn request(method: &str, uri: impl Display) -> Self {
        let mut builder = Self::new();
        builder.start = builder.write(format_args!("{method} {uri} SIP/2.0"));
        // A method is a token and a URI visible ASCII; the text of a faulty request that is rebuilt need not be.
        let inner = builder.start.start + method.len() + 1..builder.start.end - " SIP/2.0".len();
        builder.text[inner].iter_mut().filter(|c| !c.is_ascii_graphic()).for_each(|c| *c = b'_');
        builder
    }
}

impl Builder<Response> {
    pub(super) fn response(status: StatusCode, reason: Option<&str>) -> Self {
        let mut builder = Self::new();
        builder.start = builder.write(format_args!("SIP/2.0 {status} {}", reason.unwrap_or(status.default_reason())));
        builder
    }

    /// Another reason phrase.
    pub fn reason(mut self, reason: &str) -> Self {
        let status = String::from_utf8_lossy(&self.text[self.start.start..self.start.start + 12]).into_owned();
        self.start = self.write(format_args!("{status}{reason}"));
        self
    }

    pub(super) fn reply(request: &Request, status: StatusCode, to_tag: Option<&str>) -> Self {
        let mut builder = Self::response(status, None);
        builder = builder.copy(request, Name::Via).copy(request, Name::From);
        builder = match (to_tag, request.value(&Name::To)) {
            // A To that cannot be read may well have a tag; then it goes back as it came.
            (Some(tag), Some(to)) if To::parse(to).is_ok_and(|to| to.tag().is_none()) => {
                builder.header(Name::To, format_args!("{to};tag={tag}"))
            }
            _ => builder.copy(request, Name::To),
        };
        builder = builder.copy(request, Name::CallId).copy(request, Name::CSeq);
        if status == StatusCode::TRYING {
            builder = builder.copy(request, Name::Timestamp);
        }
        let forms_dialog = matches!(status.code(), 101..=299) && request.method() != Method::Register;
        if forms_dialog { builder.copy(request, Name::RecordRoute) } else { builder }
    }
}

impl<M: Build> Builder<M> {
    fn new() -> Self {
        Builder {
            text: Vec::with_capacity(1024),
            start: 0..0,
            fields: Vec::with_capacity(16),
            body: Bytes::new(),
            kind: PhantomData,
        }
    }

    /// Adds a header line behind those there are.
    pub fn header(mut self, name: Name, value: impl Display) -> Self {
        let range = self.write(value);
        self.fields.push((name, range));
        self
    }

    /// As [`header`](Self::header), if there is a value.
    pub fn maybe(self, name: Name, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds a header line before all others: where a Via or Record-Route goes.
    pub fn prepend(mut self, name: Name, value: impl Display) -> Self {
        let range = self.write(value);
        self.fields.insert(0, (name, range));
        self
    }

    /// Puts a value in the place of the first line of this name and takes the other ones out; adds it when there is none.
    pub fn replace(mut self, name: Name, value: impl Display) -> Self {
        let range = self.write(value);
        let Some(place) = self.fields.iter().position(|(n, _)| *n == name) else {
            self.fields.push((name, range));
            return self;
        };
        let mut at = 0;
        self.fields.retain(|(n, _)| {
            at += 1;
            *n != name || at - 1 == place
        });
        self.fields[place].1 = range;
        self
    }

    /// Takes all lines of this name out.
    pub fn remove(mut self, name: &Name) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    /// Adds every line of this name that `from` has, values as they stand.
    pub fn copy(mut self, from: &Fields, name: Name) -> Self {
        for value in from.raw_all(&name) {
            let range = self.write_bytes(value);
            self.fields.push((name.clone(), range));
        }
        self
    }

    pub(super) fn copy_all(mut self, from: &Fields) -> Self {
        for (name, value) in from.iter() {
            let range = self.write_bytes(value);
            self.fields.push((name, range));
        }
        self.body = from.body();
        self
    }

    /// Sets the body and Content-Type.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut builder = self.replace(Name::ContentType, content_type);
        builder.body = body.into();
        builder
    }

    /// Sets the body alone; Content-Type is then one of the header fields.
    pub fn raw_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Takes the body and Content-Type out.
    pub fn without_body(self) -> Self {
        let mut builder = self.remove(&Name::ContentType);
        builder.body = Bytes::new();
        builder
    }

    /// The message, as if it had been received. The limits of what is received do not apply to it.
    pub fn build(self) -> M {
        let mut wire = Vec::with_capacity(self.text.len() + self.fields.len() * 20 + self.body.len() + 24);
        wire.extend_from_slice(&self.text[self.start]);
        wire.extend_from_slice(b"\r\n");
        for (name, range) in &self.fields {
            if *name == Name::ContentLength {
                continue;
            }
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(&self.text[range.clone()]);
            wire.extend_from_slice(b"\r\n");
        }
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        wire.extend_from_slice(length.as_bytes());
        wire.extend_from_slice(&self.body);
        let mut index =
            Index::scan(&wire, usize::MAX).expect("lines of token, colon and text without CR and LF can be read");
        let bytes = Bytes::from(wire);
        index.read_text(&bytes);
        let fields = Fields { bytes, index: Arc::new(index) };
        M::from_message(Message::of(fields)).expect("the start line is of the builder's kind")
    }

    fn write(&mut self, value: impl Display) -> Range<usize> {
        let from = self.text.len();
        write!(Line(&mut self.text), "{value}").ok();
        let blank = self.text[from..].iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        from + blank..self.text.len()
    }

    fn write_bytes(&mut self, value: &[u8]) -> Range<usize> {
        let from = self.text.len();
        Line(&mut self.text).push(value);
        from..self.text.len()
    }
}

/// Takes text in as a part of one line.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn push(&mut self, bytes: &[u8]) {
        let from = self.0.len();
        self.0.extend_from_slice(bytes);
        self.0[from..].iter_mut().filter(|c| matches!(**c, b'\r' | b'\n')).for_each(|c| *c = b' ');
    }
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let from = self.0.len();
        self.push(text.as_bytes());
        self.0[from..].iter_mut().filter(|c| **c == 0).for_each(|c| *c = b' ');
        Ok(())
    }
}
